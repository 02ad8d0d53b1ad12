//! OpenTelemetry: what leaves the process, and the Prometheus text that waits to be asked for.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use opentelemetry_semantic_conventions::resource::{SERVICE_INSTANCE_ID, SERVICE_NAMESPACE, SERVICE_VERSION};
use prometheus::{Registry, TextEncoder};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::losses::{Bounded, Counted, Ledger, QUEUE};
use crate::setup::TelemetryOptions;

/// How long one export may take, and the last one at the end.
const EXPORT_TIME: Duration = Duration::from_secs(2);
/// How often metrics are pushed to a collector.
const METRICS_EVERY: Duration = Duration::from_secs(15);

/// The metrics of this process, for Prometheus.
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// Telemetry cannot be exported as asked.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The collector's endpoint cannot be used.
    #[error("the collector cannot be used: {0}")]
    Endpoint(#[from] ExporterBuildError),
    /// The Prometheus exporter cannot be made.
    #[error("metrics cannot be offered: {0}")]
    Metrics(opentelemetry_sdk::error::OTelSdkError),
}

/// What was set up.
#[derive(Debug)]
pub(crate) struct Exports {
    tracer: Option<SdkTracerProvider>,
    logger: Option<SdkLoggerProvider>,
    meter: SdkMeterProvider,
}

impl Exports {
    pub(crate) fn build(options: &TelemetryOptions) -> Result<Self, ExportError> {
        let resource = Resource::builder()
            .with_service_name(options.service)
            .with_attributes([
                KeyValue::new(SERVICE_NAMESPACE, "countersign"),
                KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
                KeyValue::new(SERVICE_INSTANCE_ID, Uuid::new_v4().to_string()),
            ])
            .build();
        let prometheus = opentelemetry_prometheus::exporter()
            .with_registry(REGISTRY.clone())
            .scope_info_enabled(false)
            .build()
            .map_err(ExportError::Metrics)?;
        let mut meter = SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(prometheus);
        let (mut tracer, mut logger) = (None, None);
        if let Some(endpoint) = &options.otlp_endpoint {
            tracer = Some(Self::tracer(endpoint, options.trace_ratio, resource.clone())?);
            logger = Some(Self::logger(endpoint, resource)?);
            let inner = MetricExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .with_timeout(EXPORT_TIME)
                .build()?;
            let metrics = Counted { inner, ledger: Ledger::of("metrics") };
            meter = meter.with_reader(PeriodicReader::builder(metrics).with_interval(METRICS_EVERY).build());
        }
        let meter = meter.build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_meter_provider(meter.clone());
        Ok(Self { tracer, logger, meter })
    }

    fn tracer(
        endpoint: &str,
        ratio: f64,
        resource: Resource,
    ) -> Result<SdkTracerProvider, ExporterBuildError> {
        let ledger = Ledger::of("traces");
        let inner =
            SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIME).build()?;
        let inner = BatchSpanProcessor::builder(Counted { inner, ledger: ledger.clone() })
            .with_batch_config(trace::BatchConfigBuilder::default().with_max_queue_size(QUEUE).build())
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
        let provider = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler);
        Ok(provider.with_span_processor(Bounded { inner, ledger }).build())
    }

    fn logger(endpoint: &str, resource: Resource) -> Result<SdkLoggerProvider, ExporterBuildError> {
        let ledger = Ledger::of("logs");
        let inner =
            LogExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIME).build()?;
        let inner = BatchLogProcessor::builder(Counted { inner, ledger: ledger.clone() })
            .with_batch_config(logs::BatchConfigBuilder::default().with_max_queue_size(QUEUE).build())
            .build();
        let provider = SdkLoggerProvider::builder().with_resource(resource);
        Ok(provider.with_log_processor(Bounded { inner, ledger }).build())
    }

    pub(crate) fn trace_layer<S>(&self) -> Option<OpenTelemetryLayer<S, SdkTracer>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.tracer.as_ref()?.tracer("countersign");
        Some(
            tracing_opentelemetry::layer()
                .with_tracer(tracer)
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false),
        )
    }

    pub(crate) fn log_layer(&self) -> Option<OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>> {
        self.logger.as_ref().map(OpenTelemetryTracingBridge::new)
    }

    pub(crate) fn shutdown(self) {
        // What could not be handed over is lost; telemetry is all that is. Side by side: a collector that hangs takes the whole
        // time of each.
        std::thread::scope(|scope| {
            scope.spawn(|| drop(self.tracer.map(|tracer| tracer.shutdown_with_timeout(EXPORT_TIME))));
            scope.spawn(|| drop(self.logger.map(|logger| logger.shutdown_with_timeout(EXPORT_TIME))));
            drop(self.meter.shutdown_with_timeout(EXPORT_TIME));
        });
    }
}

/// Whether the collector's endpoint can be used.
pub(crate) fn check(options: &TelemetryOptions) -> Result<(), ExportError> {
    let Some(endpoint) = &options.otlp_endpoint else { return Ok(()) };
    drop(SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIME).build()?);
    Ok(())
}

/// This process's metrics in Prometheus' text format (version 0.0.4).
#[must_use]
pub fn prometheus_text() -> String {
    TextEncoder::new().encode_to_string(&REGISTRY.gather()).unwrap_or_default()
}
