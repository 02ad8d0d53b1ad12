"""Alerts, dashboards and the collector name what the code has; every alert has a runbook."""

import json
import re
import unittest

import yaml

from deploy.checks.manifests import DEPLOY, OVERLAYS, ROOT, SERVICES, named, of_kind, settings

OBSERVABILITY = DEPLOY / "observability"
ALERTS = yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text())
# Of Prometheus and the semantic conventions (OpenTelemetry), not ours.
STANDARD = {"up", "rpc.server.call.duration", "rpc.client.call.duration"}
UNITS = {"duration": "_seconds", "age": "_seconds", "difference": "_seconds", "not_after": "_seconds"}


def names(pattern):
    return dict(re.findall(pattern, (ROOT / "crates" / "telemetry" / "src" / "names.rs").read_text()))


def exposed():
    """The metrics as Prometheus shows them: by their OpenTelemetry names, with unit and `_total`, histograms in three."""
    found = {"up"}
    for name in set(names(r"const (METRIC_\w+): &str =\s*\"([\w.]+)\"").values()) | STANDARD:
        base = name.replace(".", "_")
        base += UNITS.get(name.rsplit(".", 1)[-1], "")
        found |= {base, f"{base}_total", f"{base}_bucket", f"{base}_count", f"{base}_sum"}
    return found


def labels():
    """The labels that our metrics may have."""
    constants = names(r"pub const ([A-Z_]+): &str =\s*\"([\w.]+)\"")
    own = {value.replace(".", "_") for name, value in constants.items() if not name.startswith(("METRIC_", "SPAN_"))}
    return own | {"rpc_method", "rpc_response_status_code", "error_type", "rpc_system_name", "job", "instance", "le"}


def expressions():
    """(where, expression) of all alerts and panels."""
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for path in sorted((OBSERVABILITY / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.stem}: {panel['title']}", target["expr"]


def series(expression):
    """The metric names of an expression."""
    bare = re.sub(r"\{[^}]*\}|\b(?:by|on|without)\s*\([^)]*\)", "", re.sub(r'"[^"]*"', '""', expression))
    return {name for name in re.findall(r"[a-z_:][a-z0-9_:]*", bare) if name == "up" or name.startswith(("countersign_", "rpc_"))}


def event_types():
    """The types of events that the code writes."""
    source = "".join(path.read_text() for service in SERVICES for path in (ROOT / "services" / service / "src").rglob("*.rs"))
    source += "".join(path.read_text() for crate in ("host", "eventlog") for path in (ROOT / "crates" / crate / "src").rglob("*.rs"))
    # Some are put together of the service's name and a tail.
    tails = {f"{service}{tail}" for service in SERVICES for tail in re.findall(r"\}?(\.[a-z_]+\.[a-z_]+)\"", source)}
    return set(re.findall(r"\"((?:tenant|identity|mfa)\.[a-z_]+\.[a-z_]+)\"", source)) | tails


class Observability(unittest.TestCase):
    def test_every_metric_and_label_is_one_of_the_code(self):
        known, known_labels, seen = exposed(), labels(), 0
        for where, expression in expressions():
            with self.subTest(where=where):
                self.assertTrue(series(expression))
                self.assertEqual(series(expression) - known, set())
                used = set(re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
                self.assertEqual(used - known_labels, set())
                seen += 1
        self.assertGreater(seen, 60)

    def test_every_event_type_is_one_that_the_code_writes(self):
        types = event_types()
        for where, expression in expressions():
            for operator, pattern in re.findall(r"countersign_event_type(=~|=)\"([^\"]*)\"", expression):
                with self.subTest(where=where, pattern=pattern):
                    regex = pattern.replace("\\\\", "\\") if operator == "=~" else re.escape(pattern)
                    self.assertTrue(any(re.fullmatch(regex, one) for one in types))

    def test_every_alert_has_a_runbook_of_its_name_and_a_test(self):
        page = (ROOT / "docs" / "operating.md").read_text()
        tested = (OBSERVABILITY / "alerts_test.yaml").read_text()
        for group in ALERTS["groups"]:
            for rule in group["rules"]:
                alert = rule["alert"]
                with self.subTest(alert=alert):
                    self.assertRegex(page, rf"(?m)^#+ {alert}$")
                    self.assertEqual(rule["annotations"]["runbook"], f"docs/operating.md#{alert.lower()}")
                    self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
                    # Once where it fires, once where it is silent.
                    self.assertRegex(tested, rf"alertname: {alert}\n\s+exp_alerts")
                    self.assertIn(f"alertname: {alert}}}", tested)

    def test_the_cluster_has_these_alerts(self):
        self.assertEqual(named("production", "PrometheusRule", "countersign")["spec"], ALERTS)

    def test_jobs_are_called_like_the_services(self):
        (monitor,) = of_kind("production", "ServiceMonitor")
        wanted = monitor["spec"]["selector"]["matchLabels"]
        found = [one for one in of_kind("production", "Service") if wanted.items() <= one["metadata"]["labels"].items()]
        jobs = {one["metadata"]["labels"][monitor["spec"]["jobLabel"]] for one in found}
        self.assertEqual((jobs, len(found)), (set(SERVICES), 3))
        for one in found:
            self.assertEqual([port["name"] for port in one["spec"]["ports"]], [monitor["spec"]["endpoints"][0]["port"]])

    def test_the_collector_is_of_one_piece_and_where_the_services_send(self):
        config = yaml.safe_load((OBSERVABILITY / "otel-collector.yaml").read_text())
        for pipeline in config["service"]["pipelines"].values():
            for kind in ("receivers", "processors", "exporters"):
                self.assertLessEqual(set(pipeline[kind]), set(config[kind]))
        self.assertLessEqual(set(config["service"]["extensions"]), set(config["extensions"]))
        self.assertEqual(set(config["service"]["pipelines"]), {"traces", "metrics", "logs"})
        listens = config["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].rsplit(":", 1)[1]
        port = named("production", "Service", "otel-collector")["spec"]["ports"][0]["port"]
        health = config["extensions"]["health_check"]["endpoint"].rsplit(":", 1)[1]
        container = named("production", "Deployment", "otel-collector")["spec"]["template"]["spec"]["containers"][0]
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        self.assertEqual(ports, {"otlp": int(listens), "health": int(health)})
        for service in SERVICES:
            self.assertEqual(settings("production", service)["COUNTERSIGN_OTLP_ENDPOINT"], f"http://otel-collector:{port}")
            self.assertNotIn("COUNTERSIGN_OTLP_ENDPOINT", settings("dev", service))
        mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}["config"]
        self.assertEqual(container["args"], [f"--config={mounted}/otel-collector.yaml"])


if __name__ == "__main__":
    unittest.main()
