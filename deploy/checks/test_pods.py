"""Pods are what the design asks for, and everything that one object names in another is there."""

import base64
import unittest

from deploy.checks.manifests import OVERLAYS, SERVICES, drawn_secrets, named, of_kind, pod_templates, rendered, selects

# What CloudNativePG makes for a cluster of that name.
MADE = {"production": {"countersign-db-ca": {"ca.crt", "ca.key"}}, "dev": {}}


def secrets(overlay):
    """Name to keys of every Secret that will be there."""
    there = {one["metadata"]["name"]: set(one["data"]) for one in drawn_secrets(overlay)} | MADE[overlay]
    for one in of_kind(overlay, "Certificate"):
        there[one["spec"]["secretName"]] = {"ca.crt", "tls.crt", "tls.key"}
    return there


class Pods(unittest.TestCase):
    def each(self):
        for overlay in OVERLAYS:
            for name, labels, spec in pod_templates(overlay):
                with self.subTest(overlay=overlay, pod=name):
                    yield overlay, labels, spec

    def test_they_run_as_nobody_without_privileges_or_tokens(self):
        for _, _, spec in self.each():
            self.assertIs(spec["automountServiceAccountToken"], False)
            self.assertIs(spec["enableServiceLinks"], False)
            security = spec["securityContext"]
            self.assertIs(security["runAsNonRoot"], True)
            self.assertGreater(security["runAsUser"], 0)
            self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
            for container in spec["containers"]:
                self.assertEqual(
                    container["securityContext"],
                    {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
                )
                self.assertEqual(set(container["resources"]["requests"]), {"cpu", "memory"})
                self.assertIn("memory", container["resources"]["limits"])
            self.assertNotIn("hostNetwork", spec)

    def test_no_account_has_a_token_or_a_role(self):
        for overlay in OVERLAYS:
            accounts = of_kind(overlay, "ServiceAccount")
            self.assertEqual({one["metadata"]["name"] for one in accounts}, set(SERVICES))
            for one in accounts:
                self.assertIs(one["automountServiceAccountToken"], False)
            self.assertEqual(of_kind(overlay, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"), [])

    def test_mounted_secrets_and_settings_are_there(self):
        for overlay, _, spec in self.each():
            there = secrets(overlay)
            maps = {one["metadata"]["name"]: set(one["data"]) for one in of_kind(overlay, "ConfigMap")}
            volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
            for volume in volumes.values():
                if "secret" in volume:
                    self.assertIn(volume["secret"]["secretName"], there)
                    keys = there[volume["secret"]["secretName"]]
                    self.assertLessEqual({item["key"] for item in volume["secret"].get("items", [])}, keys)
                if "configMap" in volume:
                    self.assertIn(volume["configMap"]["name"], maps)
                    keys = maps[volume["configMap"]["name"]]
                    self.assertLessEqual({item["key"] for item in volume["configMap"].get("items", [])}, keys)
            for container in spec["containers"]:
                for source in container.get("envFrom", []):
                    self.assertIn(source["configMapRef"]["name"], maps)
                for mount in container["volumeMounts"]:
                    if mount["name"] not in {"data"}:
                        self.assertIn(mount["name"], volumes)

    def test_probes_and_services_name_ports_that_are_there(self):
        for overlay in OVERLAYS:
            pods = [(labels, spec) for _, labels, spec in pod_templates(overlay)]
            for _, spec in pods:
                for container in spec["containers"]:
                    ports = {port["name"] for port in container.get("ports", [])}
                    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                        if "httpGet" in container.get(probe, {}):
                            self.assertIn(container[probe]["httpGet"]["port"], ports)
            for service in of_kind(overlay, "Service"):
                chosen = [spec for labels, spec in pods if selects({"matchLabels": service["spec"]["selector"]}, labels)]
                with self.subTest(overlay=overlay, service=service["metadata"]["name"]):
                    self.assertEqual(len(chosen), 1)
                    ports = {port["name"]: port["containerPort"] for port in chosen[0]["containers"][0]["ports"]}
                    for port in service["spec"]["ports"]:
                        self.assertEqual(ports[port["targetPort"]], port["port"])

    def test_each_service_has_all_that_it_must_have(self):
        for overlay in OVERLAYS:
            for service in SERVICES:
                with self.subTest(overlay=overlay, service=service):
                    deployment = named(overlay, "Deployment", service)
                    labels = deployment["spec"]["template"]["metadata"]["labels"]
                    self.assertTrue(selects(deployment["spec"]["selector"], labels))
                    self.assertTrue(selects(named(overlay, "PodDisruptionBudget", service)["spec"]["selector"], labels))
                    target = named(overlay, "HorizontalPodAutoscaler", service)["spec"]["scaleTargetRef"]
                    self.assertEqual((target["kind"], target["name"]), ("Deployment", service))
                    # How many there are is the autoscaler's to say.
                    self.assertNotIn("replicas", deployment["spec"])
                    self.assertNotIn("clusterIP", named(overlay, "Service", service)["spec"])
                    self.assertEqual(named(overlay, "Service", f"{service}-peers")["spec"]["clusterIP"], "None")
                    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
                    self.assertEqual({one["topologyKey"] for one in spread}, {"topology.kubernetes.io/zone", "kubernetes.io/hostname"})
                    self.assertTrue(all(selects(one["labelSelector"], labels) for one in spread))
                    migrate = named(overlay, "Job", f"{service}-migrate")["spec"]["template"]
                    self.assertFalse(selects(deployment["spec"]["selector"], migrate["metadata"]["labels"]))
                    program = f"/usr/local/bin/{service}"
                    self.assertEqual(deployment["spec"]["template"]["spec"]["containers"][0]["command"], [program, "serve"])
                    self.assertEqual(migrate["spec"]["containers"][0]["command"], [program, "migrate"])

    def test_only_migrations_have_the_owners_password(self):
        for overlay in OVERLAYS:
            for name, labels, spec in pod_templates(overlay):
                volumes = [volume["secret"] for volume in spec["volumes"] if volume.get("secret", {}).get("secretName", "").endswith("-database")]
                named = {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
                self.assertEqual("countersign-db-ca" in named, overlay == "production" and bool(volumes), name)
                for secret in volumes:
                    keys = {item["key"] for item in secret["items"]}
                    is_migration = labels["app.kubernetes.io/component"] == "migration"
                    self.assertEqual(keys, {"owner-url"} if is_migration else {"service-url", "sequencer-url"}, name)

    def test_urls_name_a_verified_database_and_a_file_that_is_mounted(self):
        for secret in drawn_secrets("production"):
            if secret["metadata"]["name"].endswith("-database"):
                for value in secret["data"].values():
                    url = base64.b64decode(value).decode()
                    self.assertRegex(url, r"@countersign-db-rw/\w+\?sslmode=verify-full&sslrootcert=/etc/countersign/database-ca/ca\.crt$")
        for service in SERVICES:
            for kind, name in (("Deployment", service), ("Job", f"{service}-migrate")):
                spec = named("production", kind, name)["spec"]["template"]["spec"]
                mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
                self.assertEqual(mounts["database-ca"], "/etc/countersign/database-ca")

    def test_everything_is_in_the_namespace(self):
        for overlay in OVERLAYS:
            for one in rendered(overlay) + drawn_secrets(overlay):
                if one["kind"] != "Namespace":
                    self.assertEqual(one["metadata"]["namespace"], "countersign")


if __name__ == "__main__":
    unittest.main()
