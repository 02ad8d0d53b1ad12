"""The production database: what the operator makes is what deploy/postgresql/roles.sql makes, and no acknowledged write is lost."""

import math
import re
import unittest

from deploy.checks.manifests import DEPLOY, OVERLAYS, PRODUCTION, ROOT, SERVICES, drawn_secrets, named, of_kind, rendered, settings


def constant(path, pattern):
    """A number of the code."""
    return int(re.search(pattern, (ROOT / path).read_text())[1])


def most_connections(overlay, service):
    """How many connections a replica may have: the pool of calls, the log's readers, one that listens, the sequencer's, and one that asks whether the database answers."""
    pool = int(settings(overlay, service)["COUNTERSIGN_DATABASE_CONNECTIONS"])
    return pool + constant("crates/eventlog/src/log.rs", r"const READERS: usize = (\d+);") + 3


def most_replicas(overlay, service):
    """How many replicas may have connections at once: the most there may be, those a rollout begins with, and those that still end."""
    (scaler,) = [one["spec"] for one in of_kind(overlay, "HorizontalPodAutoscaler") if one["metadata"]["name"] == service]
    deployment = named(overlay, "Deployment", service)["spec"]
    environment = settings(overlay, service)
    ends = int(environment["COUNTERSIGN_STOP_DELAY_SECONDS"]) + int(environment["COUNTERSIGN_DRAIN_SECONDS"])
    ends += constant("crates/host/src/program.rs", r"const LAST_WORDS: Duration = Duration::from_secs\((\d+)\)")
    surge = deployment["strategy"]["rollingUpdate"]["maxSurge"]
    # The next is told to end when the one after it has been ready for so long.
    ending = surge * math.ceil(ends / deployment["minReadySeconds"])
    return scaler["maxReplicas"] + surge + ending


def max_connections(overlay):
    if overlay in PRODUCTION:
        (cluster,) = of_kind(overlay, "Cluster")
        return int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
    (argument,) = [one for one in named(overlay, "StatefulSet", "postgresql")["spec"]["template"]["spec"]["containers"][0]["args"] if "max_connections" in one]
    return int(argument.split("=")[1])


class Database(unittest.TestCase):
    def setUp(self):
        self.cluster = named("production", "Cluster", "countersign-db")["spec"]
        self.made = self.cluster["bootstrap"]["initdb"]["postInitSQL"]

    def roles(self):
        return {f"countersign_{service}{suffix}" for service in SERVICES for suffix in ("", "_owner", "_sequencer")}

    def test_roles_and_databases_are_those_of_roles_sql(self):
        script = (DEPLOY / "postgresql" / "roles.sql").read_text()
        self.assertEqual(set(re.findall(r"'(countersign_\w+)'", script)), self.roles() | {f"countersign_{service}" for service in SERVICES})
        self.assertEqual({line.removeprefix("CREATE ROLE ") for line in self.made if line.startswith("CREATE ROLE")}, self.roles())
        for service in SERVICES:
            name = f"countersign_{service}"
            self.assertIn(f"CREATE DATABASE {name} OWNER {name}_owner TEMPLATE template0 ENCODING 'UTF8'", self.made)
            self.assertIn(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC", self.made)
            self.assertIn(f"GRANT CONNECT ON DATABASE {name} TO {name}, {name}_owner, {name}_sequencer", self.made)
        self.assertEqual(len(self.made), 18)

    def test_each_role_logs_in_with_the_password_of_its_url(self):
        secrets = {one["metadata"]["name"]: one for one in drawn_secrets("production")}
        managed = {one["name"]: one for one in self.cluster["managed"]["roles"]}
        self.assertEqual(set(managed), self.roles())
        for name, role in managed.items():
            self.assertEqual((role["ensure"], role["login"]), ("present", True))
            self.assertFalse({"superuser", "createdb", "createrole", "bypassrls"} & set(role))
            self.assertEqual(secrets[role["passwordSecret"]["name"]]["type"], "kubernetes.io/basic-auth")

    def test_what_is_acknowledged_is_on_a_standby_and_in_a_backup(self):
        self.assertGreaterEqual(self.cluster["instances"], 3)
        synchronous = self.cluster["postgresql"]["synchronous"]
        self.assertEqual((synchronous["method"], synchronous["number"], synchronous["dataDurability"]), ("any", 1, "required"))
        (store,) = of_kind("production", "ObjectStore")
        archivers = [one for one in self.cluster["plugins"] if one.get("isWALArchiver")]
        self.assertEqual([one["parameters"]["barmanObjectName"] for one in archivers], [store["metadata"]["name"]])
        (backup,) = of_kind("production", "ScheduledBackup")
        self.assertEqual(backup["spec"]["cluster"]["name"], "countersign-db")
        self.assertEqual(backup["spec"]["pluginConfiguration"]["name"], archivers[0]["name"])
        # Seconds, minutes, hours, day, month, weekday.
        self.assertEqual(len(backup["spec"]["schedule"].split()), 6)

    def test_a_restored_cluster_is_the_same_but_for_its_name_and_origin(self):
        restored = named("restored", "Cluster", "countersign-db-2")["spec"]
        for key in (self.cluster.keys() | restored.keys()) - {"bootstrap", "externalClusters"}:
            self.assertEqual(restored[key], self.cluster[key], key)
        (store,) = of_kind("restored", "ObjectStore")
        (origin,) = restored["externalClusters"]
        self.assertEqual(restored["bootstrap"]["recovery"]["source"], origin["name"])
        self.assertEqual(origin["plugin"]["parameters"], {"barmanObjectName": store["metadata"]["name"], "serverName": "countersign-db"})
        (backup,) = of_kind("restored", "ScheduledBackup")
        self.assertEqual(backup["spec"]["cluster"]["name"], "countersign-db-2")
        # And everything else is production's, as it is.
        there = {(one["kind"], one["metadata"]["name"]) for one in rendered("production")}
        self.assertEqual({(one["kind"], one["metadata"]["name"]) for one in rendered("restored")} ^ there, {("Cluster", "countersign-db"), ("Cluster", "countersign-db-2")})

    def test_the_database_takes_all_connections_that_all_replicas_may_open(self):
        for overlay in OVERLAYS:
            services = sum(most_replicas(overlay, service) * most_connections(overlay, service) for service in SERVICES)
            # A migration, a restoring command, the database's own operator and its metrics, the connections kept for superusers.
            others = 2 * len(SERVICES) + 15
            with self.subTest(overlay=overlay, services=services):
                self.assertLess(services + others, max_connections(overlay))

    def test_monitoring_finds_every_instance(self):
        for overlay in PRODUCTION:
            (cluster,) = of_kind(overlay, "Cluster")
            (monitor,) = of_kind(overlay, "PodMonitor")
            wanted = monitor["spec"]["selector"]["matchLabels"]
            # Of CloudNativePG, and ours.
            self.assertLessEqual(wanted.items(), (cluster["spec"]["inheritedMetadata"]["labels"] | {"cnpg.io/podRole": "instance"}).items())
            self.assertEqual([one["port"] for one in monitor["spec"]["podMetricsEndpoints"]], ["metrics"])

    def test_certificates_name_one_peer_each_and_stand_in_nobodys_name_twice(self):
        certificates = {one["metadata"]["name"]: one["spec"] for one in of_kind("production", "Certificate")}
        peers = {name for name, spec in certificates.items() if "uris" in spec}
        self.assertEqual(peers, {*SERVICES, "console", "operator", "broker"})
        for name in peers:
            spec = certificates[name]
            # X509-SVID §2: exactly one URI. The services' settings narrow the trust domain to this namespace.
            self.assertEqual(spec["uris"], [f"spiffe://countersign.local/ns/countersign/sa/{name}"])
            self.assertEqual(spec["privateKey"]["rotationPolicy"], "Always")
            self.assertLessEqual({"server auth", "client auth"}, set(spec["usages"]))
            self.assertEqual(spec["issuerRef"]["name"], "peers")
            self.assertEqual(spec["secretName"], f"{name}-tls")


if __name__ == "__main__":
    unittest.main()
