"""NetworkPolicies allow the needed paths and only those.

What is needed is read from the code: which service has the address of which (its settings), which peers may call it (the access
table, as docs/access.md prints it), and which of the three need a database, a collector, a broker. What is allowed is worked out
from the rendered policies for every pair of pods and every port, the way Kubernetes does: a path is open when an egress rule
of the one side and an ingress rule of the other let it through.
"""

import re
import unittest

from deploy.checks.manifests import OVERLAYS, PRODUCTION, ROOT, SERVICES, named, of_kind, pod_templates, selects, settings

GRPC, OPS, DATABASE, OTLP, NATS = 7443, 9464, 5432, 4317, 4222
NAMESPACE = "countersign"
CLIENTS = {"countersign-clients": "allowed"}
# Pods that this installation does not make, but must let in: (namespace labels, pod labels).
OUTSIDE = {
    "console": (CLIENTS, {"countersign-peer": "console"}),
    "operator": (CLIENTS, {"countersign-peer": "operator"}),
    "broker": (CLIENTS, {"countersign-peer": "broker"}),
    "reader of events": (CLIENTS, {"countersign-reads": "events"}),
    "prometheus": ({"kubernetes.io/metadata.name": "monitoring"}, {"app.kubernetes.io/name": "prometheus"}),
    "cnpg operator": ({"kubernetes.io/metadata.name": "cnpg-system"}, {"app.kubernetes.io/name": "cloudnative-pg"}),
    "stranger with a label": ({}, {"countersign-peer": "console", "app.kubernetes.io/name": "identity"}),
    "stranger among clients": (CLIENTS, {"app.kubernetes.io/name": "identity", "app.kubernetes.io/component": "service"}),
    "stranger": ({"kubernetes.io/metadata.name": "default"}, {"app": "anything"}),
}
# Made by an operator from a custom resource, so not among the pod templates.
def made(overlay):
    """The pods of the database, labelled as CloudNativePG does for the cluster."""
    if overlay not in PRODUCTION:
        return {}
    (cluster,) = of_kind(overlay, "Cluster")
    own = {"cnpg.io/cluster": cluster["metadata"]["name"], "cnpg.io/podRole": "instance", "app.kubernetes.io/name": "postgresql"}
    return {"database": own | cluster["spec"]["inheritedMetadata"]["labels"]}


PORTS = (53, 443, GRPC, OPS, DATABASE, OTLP, NATS, 5433, 6222, 6443, 8000, 8222, 9090, 9187)


def addresses(service):
    """The services that this one has addresses of, by its settings."""
    text = (ROOT / "services" / service / "config" / "sample.toml").read_text()
    return {one for one in SERVICES if re.search(rf"^#?{one}_addr\b", text, re.M)}


def callers_by_table():
    """Service to the peers that its rows of the access table name; `every peer` stands for itself."""
    page = (ROOT / "docs" / "access.md").read_text()
    peers = {service: set() for service in SERVICES}
    served_by = SERVICES
    for line in page.splitlines():
        if title := re.fullmatch(r"## (?:countersign\.(\w+)\.v1|grpc[\w.]*)\.\w+", line):
            # The events', the keys' and gRPC's own services are served by all three.
            served_by = [title[1]] if title[1] in SERVICES else SERVICES
        elif line.startswith("## "):
            served_by = []
        elif (row := re.match(r"\| \w+ \| ([a-z, ]+) \|", line)) and row[1] != "peers":
            for service in served_by:
                peers[service] |= set(row[1].split(", "))
    return peers


class Pod:
    def __init__(self, namespace, labels):
        self.namespace, self.labels = namespace, labels


def pods(overlay):
    """Every pod that there is or may come, by a name for it."""
    own = {"kubernetes.io/metadata.name": NAMESPACE}
    found = {}
    for name, labels, _ in pod_templates(overlay):
        kind, name = name.split("/")
        # A migration is named by its release as well.
        name = f"{labels['app.kubernetes.io/name']}-migrate" if kind == "Job" else name
        found["the operator's pod" if name == "operator" else name] = Pod(own, labels)
    for name, labels in made(overlay).items():
        found[name] = Pod(own, labels)
    for name, (namespace, labels) in OUTSIDE.items():
        found[name] = Pod(namespace, labels)
    return found


def is_within(pod):
    return pod.namespace.get("kubernetes.io/metadata.name") == NAMESPACE


def matches(peer, pod):
    """Whether an entry of `from` or `to` means this pod. Without a namespace selector it is the policy's own namespace."""
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], pod.namespace):
            return False
    elif not is_within(pod):
        return False
    return selects(peer.get("podSelector", {}), pod.labels)


def lets_through(policies, direction, subject, other, port):
    """Whether the policies let a connection through on one side; a pod that none selects is open."""
    if not is_within(subject):
        return True
    mine = [one["spec"] for one in policies if direction in one["spec"]["policyTypes"] and selects(one["spec"]["podSelector"], subject.labels)]
    assert mine, "default-deny selects every pod of the namespace"
    key, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    for policy in mine:
        for rule in policy.get(key, []):
            by_port = "ports" not in rule or any(one["port"] == port and one["protocol"] == "TCP" for one in rule["ports"])
            if by_port and (peers not in rule or any(matches(peer, other) for peer in rule[peers])):
                return True
    return False


def open_paths(overlay):
    """{(from, to, port)} of all that is allowed with at least one end in the namespace."""
    policies, there = of_kind(overlay, "NetworkPolicy"), pods(overlay)
    return {
        (a, b, port)
        for a, one in there.items()
        for b, other in there.items()
        for port in PORTS
        if a != b
        and (is_within(one) or is_within(other))
        and lets_through(policies, "Egress", one, other, port)
        and lets_through(policies, "Ingress", other, one, port)
    }


def broker_paths():
    """{(from, to, port)} that the component with the message broker brings, for a relay to come. No service needs them today."""
    return {(service, "nats", NATS) for service in SERVICES} | {("reader of events", "nats", NATS)}


def needed(overlay):
    """{(from, to, port)} of all that the system needs."""
    paths = {("the operator's pod", "postgresql" if overlay == "dev" else "database", DATABASE)}
    table = callers_by_table()
    database = "postgresql" if overlay == "dev" else "database"
    for service in SERVICES:
        paths |= {(service, other, GRPC) for other in addresses(service)}
        paths |= {(peer, service, GRPC) for peer in table[service] if peer in ("console", "operator")}
        paths |= {("the operator's pod", service, GRPC) for peer in table[service] if peer == "operator"}
        paths |= {("prometheus", service, OPS), (service, database, DATABASE), (f"{service}-migrate", database, DATABASE)}
        # Whoever the settings name as a broker may vouch for external users.
        for broker in filter(None, settings(overlay, service).get("COUNTERSIGN_BROKER_PEERS", "").split(",")):
            paths.add((broker, service, GRPC))
        if overlay in PRODUCTION:
            paths.add((service, "otel-collector", OTLP))
    if overlay in PRODUCTION:
        paths.add(("prometheus", "database", 9187))
        paths |= {("cnpg operator", "database", DATABASE), ("cnpg operator", "database", 8000), ("database", "cnpg operator", 9090)}
        # The Kubernetes API and the store of backups have no labels to name them by.
        paths |= {("database", name, port) for name in OUTSIDE for port in (443, 6443)}
        # What the collector hands on goes to the namespace of monitoring, whoever takes it there.
        paths.add(("otel-collector", "prometheus", OTLP))
    return paths


def ports_of(policy):
    """Every port that a policy names."""
    return [port["port"] for way in ("ingress", "egress") for rule in policy["spec"].get(way, []) for port in rule.get("ports", [])]


class Network(unittest.TestCase):
    def test_what_is_needed_is_open_and_nothing_else(self):
        for overlay in OVERLAYS:
            with self.subTest(overlay=overlay):
                found, wanted = open_paths(overlay), needed(overlay)
                if overlay == "production-nats":
                    wanted |= broker_paths()
                self.assertEqual(sorted(wanted - found), [], "needed, and shut")
                self.assertEqual(sorted(found - wanted), [], "open, and not needed")

    def test_services_call_only_where_the_access_table_lets_them_in(self):
        table = callers_by_table()
        for service in SERVICES:
            self.assertNotEqual(addresses(service), set())
            for other in addresses(service):
                self.assertIn(service, table[other])
                # And they are told the headless name, to balance among all replicas themselves.
                for overlay in OVERLAYS:
                    self.assertEqual(settings(overlay, service)[f"COUNTERSIGN_{other.upper()}_ADDR"], f"{other}-peers:{GRPC}")

    def test_replicas_of_databases_and_brokers_reach_each_other(self):
        policies, there = of_kind("production-nats", "NetworkPolicy"), pods("production-nats")
        for name, port in (("database", DATABASE), ("database", 8000), ("nats", 6222)):
            pod = there[name]
            self.assertTrue(lets_through(policies, "Egress", pod, pod, port) and lets_through(policies, "Ingress", pod, pod, port), name)
        for service in SERVICES:
            self.assertFalse(lets_through(policies, "Egress", there[service], there[service], GRPC))

    def test_what_no_service_of_this_release_speaks_to_is_shut(self):
        manifests = "".join((ROOT / "services" / service / "Cargo.toml").read_text() for service in SERVICES)
        self.assertNotIn("nats", manifests, "a service speaks to NATS: say so in needed()")
        for overlay in ("dev", "production", "restored"):
            self.assertFalse(any(port == NATS for policy in of_kind(overlay, "NetworkPolicy") for port in ports_of(policy)))

    def test_a_name_of_ours_leads_to_the_primary_of_the_cluster_that_is_there(self):
        for overlay in PRODUCTION:
            (cluster,) = of_kind(overlay, "Cluster")
            service = named(overlay, "Service", "database")["spec"]
            self.assertEqual(service["selector"], {"cnpg.io/cluster": cluster["metadata"]["name"], "cnpg.io/instanceRole": "primary"})
            self.assertEqual([(port["port"], port["targetPort"]) for port in service["ports"]], [(DATABASE, DATABASE)])
            # Its certificate must be good for the name.
            self.assertIn("database", cluster["spec"]["certificates"]["serverAltDNSNames"])

    def test_everybody_resolves_names(self):
        for overlay in OVERLAYS:
            (dns,) = [one for one in of_kind(overlay, "NetworkPolicy") if one["metadata"]["name"] == "dns"]
            self.assertEqual(dns["spec"]["podSelector"], {})
            self.assertEqual({(one["protocol"], one["port"]) for one in dns["spec"]["egress"][0]["ports"]}, {("UDP", 53), ("TCP", 53)})


if __name__ == "__main__":
    unittest.main()
