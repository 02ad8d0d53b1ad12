//! A collector: takes what is told over OTLP, and keeps it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::runtime::{self, Runtime};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// A span, and who told of it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    pub(crate) is_sql: bool,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    spans: Vec<Told>,
    services_with_logs: Vec<String>,
    services_with_metrics: Vec<String>,
    /// Everything as it came.
    bytes: Vec<u8>,
}

/// The collector, until it vanishes.
pub(crate) struct Collector {
    kept: Kept,
    address: SocketAddr,
    /// Its own, so that its connections go with it: the server's are tasks that outlive the server.
    runtime: Option<Runtime>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let kept = Kept::default();
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .add_service(TraceServiceServer::new(kept.clone()))
            .add_service(LogsServiceServer::new(kept.clone()))
            .add_service(MetricsServiceServer::new(kept.clone()));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self { kept, address, runtime: Some(runtime) }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of one trace, so far.
    pub(crate) fn trace(&self, trace: &str) -> Vec<Told> {
        let content = self.kept.0.lock().unwrap();
        content.spans.iter().filter(|span| span.trace == trace).cloned().collect()
    }

    /// Whether a service has told logs and metrics, too.
    pub(crate) fn has_all_signals_of(&self, service: &str) -> bool {
        let content = self.kept.0.lock().unwrap();
        content.services_with_logs.iter().any(|name| name == service)
            && content.services_with_metrics.iter().any(|name| name == service)
    }

    /// Everything that was ever told, as it came.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.kept.0.lock().unwrap().bytes.clone()
    }

    /// Closes its port and all connections.
    pub(crate) fn vanish(self) {
        let address = self.address;
        drop(self);
        // They are closed by its threads, which are on their way.
        while std::net::TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Not waited for: that cannot be done within another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let mut content = self.0.lock().unwrap();
        content.bytes.extend(request.encode_to_vec());
        for resource in request.resource_spans {
            let service = service(resource.resource.as_ref());
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                content.spans.push(Told {
                    service: service.clone(),
                    name: span.name,
                    trace: span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect(),
                    id: span.span_id,
                    parent: span.parent_span_id,
                    is_sql: text(&span.attributes, "db.system.name").as_deref() == Some("postgresql"),
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Kept {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let request = request.into_inner();
        let mut content = self.0.lock().unwrap();
        content.bytes.extend(request.encode_to_vec());
        let services = request.resource_logs.iter().map(|one| service(one.resource.as_ref()));
        content.services_with_logs.extend(services);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let request = request.into_inner();
        let mut content = self.0.lock().unwrap();
        content.bytes.extend(request.encode_to_vec());
        let services = request.resource_metrics.iter().map(|one| service(one.resource.as_ref()));
        content.services_with_metrics.extend(services);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn service(resource: Option<&Resource>) -> String {
    resource.and_then(|resource| text(&resource.attributes, "service.name")).unwrap_or_default()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
