"""Pods are what the design asks for, and everything that one object names in another is there."""

import base64
import unittest

from deploy.checks.manifests import OVERLAYS, PRODUCTION, SERVICES, drawn_secrets, migration, named, of_kind, pod_templates, rendered, selects


def database_authority(overlay):
    """The Secret that CloudNativePG makes for the cluster that is there."""
    return [f"{one['metadata']['name']}-ca" for one in of_kind(overlay, "Cluster")]


def secrets(overlay):
    """Name to keys of every Secret that will be there."""
    there = {one["metadata"]["name"]: set(one["data"]) for one in drawn_secrets(overlay) if one["kind"] == "Secret"}
    there |= {name: {"ca.crt", "ca.key"} for name in database_authority(overlay)}
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
            # In production made once, by hand, as docs/operating.md has it.
            maps["peers-trust"] = {"ca.crt"}
            volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
            for volume in volumes.values():
                for source in volume.get("projected", {}).get("sources", []):
                    self.assertLessEqual({item["key"] for item in source["secret"]["items"]}, there[source["secret"]["name"]])
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
                    if "cnpg.io/cluster" in service["spec"]["selector"]:
                        # Not of pods that are made here; test_network.py looks at it.
                        continue
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
                    migrate = migration(overlay, service)["spec"]["template"]
                    self.assertFalse(selects(deployment["spec"]["selector"], migrate["metadata"]["labels"]))
                    program = f"/usr/local/bin/{service}"
                    self.assertEqual(deployment["spec"]["template"]["spec"]["containers"][0]["command"], [program, "serve"])
                    self.assertEqual(migrate["spec"]["containers"][0]["command"], [program, "migrate"])

    def test_the_operators_pod_is_a_template_that_nothing_starts_and_that_does_not_stay(self):
        for overlay in OVERLAYS:
            operator = named(overlay, "CronJob", "operator")["spec"]
            self.assertIs(operator["suspend"], True)
            self.assertLessEqual(operator["jobTemplate"]["spec"]["activeDeadlineSeconds"], 4 * 3600)
            pod = operator["jobTemplate"]["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in pod["volumes"]}
            # The paths are those of one machine, so that the same commands work.
            for service in SERVICES:
                keyring = volumes[mounts[f"/etc/countersign/{service}/keyring"]["name"]]
                self.assertEqual(keyring["secret"]["secretName"], f"{service}-keyring")
            owners = volumes[mounts["/etc/countersign/migrate"]["name"]]["projected"]["sources"]
            self.assertEqual({item["path"] for one in owners for item in one["secret"]["items"]}, {f"{service}-owner-url" for service in SERVICES})
            # Nothing but a copy in memory can be written.
            self.assertEqual([path for path, mount in mounts.items() if not mount.get("readOnly")], ["/work"])
            self.assertEqual(volumes["work"]["emptyDir"]["medium"], "Memory")

    def test_a_migration_is_of_the_release_that_runs(self):
        for overlay in PRODUCTION:
            for service in SERVICES:
                job, deployment = migration(overlay, service), named(overlay, "Deployment", service)
                release = deployment["metadata"]["labels"]["app.kubernetes.io/version"]
                self.assertEqual(job["metadata"]["name"], f"{service}-migrate-{release}")
                images = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in (job, deployment)}
                self.assertEqual(images, {f"registry.example/countersign:{release}"})
                # Gone by itself, whoever keeps a cluster to what a repository says would make it again, for ever.
                self.assertNotIn("ttlSecondsAfterFinished", job["spec"])
                self.assertGreaterEqual(job["spec"]["activeDeadlineSeconds"], 3600)
                # Restarts wait longer each time, up to five minutes: there must be enough of them for all that time.
                self.assertGreaterEqual(job["spec"]["backoffLimit"] * 300, job["spec"]["activeDeadlineSeconds"])

    def test_only_migrations_have_the_owners_password(self):
        for overlay in OVERLAYS:
            for name, labels, spec in pod_templates(overlay):
                if labels.get("app.kubernetes.io/component") == "operator":
                    continue
                volumes = [volume["secret"] for volume in spec["volumes"] if volume.get("secret", {}).get("secretName", "").endswith("-database")]
                named = {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
                self.assertEqual(named & set(database_authority(overlay)), set(database_authority(overlay)) if volumes else set(), name)
                for secret in volumes:
                    keys = {item["key"] for item in secret["items"]}
                    is_migration = labels["app.kubernetes.io/component"] == "migration"
                    self.assertEqual(keys, {"owner-url"} if is_migration else {"service-url", "sequencer-url"}, name)

    def test_urls_name_a_verified_database_and_a_file_that_is_mounted(self):
        for secret in drawn_secrets("production"):
            if secret["metadata"]["name"].endswith("-database"):
                for value in secret["data"].values():
                    url = base64.b64decode(value).decode()
                    self.assertRegex(url, r"@database/\w+\?sslmode=verify-full&sslrootcert=/etc/countersign/database-ca/ca\.crt$")
        for service in SERVICES:
            for one in (named("production", "Deployment", service), migration("production", service)):
                spec = one["spec"]["template"]["spec"]
                mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
                self.assertEqual(mounts["database-ca"], "/etc/countersign/database-ca")

    def test_everything_is_in_the_namespace(self):
        for overlay in OVERLAYS:
            for one in rendered(overlay) + drawn_secrets(overlay):
                if one["kind"] != "Namespace":
                    self.assertEqual(one["metadata"]["namespace"], "countersign")


if __name__ == "__main__":
    unittest.main()
