"""Alerts, dashboards and the collector name what the code has; every alert has a runbook."""

import json
import re
import unittest

import yaml

from deploy.checks.manifests import DEPLOY, ROOT, SERVICES, named, of_kind, settings
from deploy.checks.metrics import SCRAPED, declared, exposed, gauges, instruments

OBSERVABILITY = DEPLOY / "observability"
ALERTS = yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text())
DATABASE_ALERTS = yaml.safe_load((OBSERVABILITY / "alerts_database.yaml").read_text())
# Of others, by their documentation: CloudNativePG's default monitoring, the Barman Cloud plugin's observability page, the kubelet.
FOREIGN = {
    "cnpg_pg_replication_streaming_replicas": {"pod"},
    "cnpg_pg_stat_archiver_last_failed_time": {"pod"},
    "cnpg_pg_stat_archiver_last_archived_time": {"pod"},
    "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp": {"pod"},
    "barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp": {"pod"},
    "kubelet_volume_stats_available_bytes": {"namespace", "persistentvolumeclaim"},
    "kubelet_volume_stats_capacity_bytes": {"namespace", "persistentvolumeclaim"},
}
NAME = r"(?:up|(?:countersign|rpc|cnpg|barman|kubelet)_\w+)"


def rules():
    """Every rule of both files."""
    return [rule for alerts in (ALERTS, DATABASE_ALERTS) for group in alerts["groups"] for rule in group["rules"]]


def expressions():
    """(where, expression, labels that its text shows) of all alerts and panels."""
    for rule in rules():
        yield rule["alert"], rule["expr"], set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    for path in sorted((OBSERVABILITY / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.stem}: {panel['title']}", target["expr"], set(re.findall(r"{{(\w+)}}", target["legendFormat"]))


def series(expression):
    """(name, [(label, operator, value)]) of each series that an expression selects."""
    grouped = re.sub(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)", " ", expression)
    for name, selector in re.findall(rf"(?<![\w\"])({NAME})\b(\{{(?:[^}}\"]|\"[^\"]*\")*\}})?", grouped):
        yield name, re.findall(r"(\w+)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"", selector)


def grouping(expression):
    """The labels that an expression groups or matches by."""
    return {label.strip() for labels in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression) for label in labels.split(",")}


def event_types():
    """The types of events that the code writes."""
    source = "".join(path.read_text() for service in SERVICES for path in (ROOT / "services" / service / "src").rglob("*.rs"))
    source += "".join(path.read_text() for crate in ("host", "eventlog") for path in (ROOT / "crates" / crate / "src").rglob("*.rs"))
    # Some are put together of the service's name and a tail.
    tails = {f"{service}{tail}" for service in SERVICES for tail in re.findall(r"\}?(\.[a-z_]+\.[a-z_]+)\"", source)}
    return set(re.findall(r"\"((?:tenant|identity|mfa)\.[a-z_]+\.[a-z_]+)\"", source)) | tails


class Observability(unittest.TestCase):
    def test_every_series_is_one_of_the_code_with_labels_that_it_has(self):
        known, seen = exposed() | {name: labels | SCRAPED for name, labels in FOREIGN.items()}, 0
        for where, expression, shown in expressions():
            with self.subTest(where=where):
                selected = list(series(expression))
                self.assertTrue(selected)
                everything = set()
                for name, selectors in selected:
                    self.assertIn(name, known)
                    self.assertEqual({label for label, _, _ in selectors} - known[name], set(), name)
                    everything |= known[name]
                self.assertEqual((grouping(expression) | shown) - everything, set())
                # What is grouped away cannot be shown.
                if re.match(r"(?:histogram_quantile\([\d.]+, )?(?:sum|max|min|count) by", expression):
                    self.assertLessEqual(shown, grouping(expression) | {"alertname"})
                seen += 1
        self.assertGreater(seen, 60)

    def test_every_metric_of_the_code_has_a_name_in_its_list_and_is_measured(self):
        self.assertEqual(declared(), {name for name in instruments() | gauges() if name.startswith("METRIC_")})

    def test_every_state_and_cause_is_one_that_the_code_tells(self):
        source = "".join(path.read_text() for place in ("crates", "services") for path in (ROOT / place).rglob("src/**/*.rs"))
        for where, expression, _ in expressions():
            for _, selectors in series(expression):
                for label, _, values in selectors:
                    if label in ("countersign_state", "countersign_cause", "countersign_condition", "countersign_outcome"):
                        for value in values.split("|"):
                            with self.subTest(where=where, value=value):
                                self.assertIn(f'"{value}"', source)

    def test_what_is_wrong_is_noticed(self):
        known = exposed()
        self.assertNotIn("countersign_events", known)
        self.assertNotIn("countersign_ready_total", known)
        self.assertNotIn("countersign_unit_duration_seconds", known)
        self.assertNotIn("countersign_state", known["countersign_events_total"])
        found = list(series('sum by (a) (rate(countersign_events_total{x="}", reason!="b"}[5m])) / on (job) up > 0'))
        self.assertEqual(found, [("countersign_events_total", [("x", "=", "}"), ("reason", "!=", "b")]), ("up", [])])

    def test_every_event_type_is_one_that_the_code_writes(self):
        types = event_types()
        for where, expression, _ in expressions():
            for operator, pattern in re.findall(r"countersign_event_type(=~|=)\"([^\"]*)\"", expression):
                with self.subTest(where=where, pattern=pattern):
                    regex = pattern.replace("\\\\", "\\") if operator == "=~" else re.escape(pattern)
                    self.assertTrue(any(re.fullmatch(regex, one) for one in types))

    def test_every_alert_has_a_runbook_of_its_name_and_a_test(self):
        page = (ROOT / "docs" / "operating.md").read_text()
        tested = "".join(path.read_text() for path in OBSERVABILITY.glob("alerts*_test.yaml"))
        for rule in rules():
            alert = rule["alert"]
            with self.subTest(alert=alert):
                self.assertTrue(re.search(rf"(?m)^#+ {alert}$", page), "has no runbook")
                self.assertEqual(rule["annotations"]["runbook"], f"docs/operating.md#{alert.lower()}")
                self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
                # Once where it fires, once where it is silent.
                self.assertTrue(re.search(rf"alertname: {alert}\n\s+exp_alerts", tested), "is not tested where it fires")
                self.assertTrue(f"alertname: {alert}}}" in tested, "is not tested where it is silent")

    def test_the_cluster_has_these_alerts(self):
        self.assertEqual(named("production", "PrometheusRule", "countersign")["spec"], ALERTS)
        self.assertEqual(named("production", "PrometheusRule", "countersign-db")["spec"], DATABASE_ALERTS)

    def test_all_of_it_has_the_label_that_prometheus_looks_for(self):
        found = of_kind("production", "ServiceMonitor", "PodMonitor", "PrometheusRule")
        self.assertEqual(len(found), 4)
        self.assertEqual(len({one["metadata"]["labels"]["release"] for one in found}), 1)

    def test_the_databases_alerts_are_about_what_is_scraped(self):
        (monitor,) = of_kind("production", "PodMonitor")
        job = f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
        for rule in DATABASE_ALERTS["groups"][0]["rules"]:
            for name, selectors in series(rule["expr"]):
                given = {label: value for label, _, value in selectors}
                self.assertEqual(given["namespace"] if name.startswith("kubelet_") else given["job"], "countersign" if name.startswith("kubelet_") else job)

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
