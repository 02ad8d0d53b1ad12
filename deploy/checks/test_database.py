"""The production database: what the operator makes is what deploy/postgresql/roles.sql makes, and no acknowledged write is lost."""

import re
import unittest

from deploy.checks.manifests import DEPLOY, SERVICES, drawn_secrets, named, of_kind


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
