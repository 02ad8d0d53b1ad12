"""Every environment key, path, port and probe of the manifests and of the systemd units exists in the code's configuration.

The programs themselves are asked: `check-config` with a container's own environment, its mounted files laid out below a
directory of the test's. That refuses unknown keys, values out of bounds and files that are not there.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import tomllib
import unittest
import base64

from deploy.checks.manifests import DEPLOY, OVERLAYS, ROOT, SERVICES, drawn_secrets, migration, named, of_kind, settings

BINARIES = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"


def sample(service):
    """Key to whether it must be set, of a service's settings, by the sample that is generated from the code."""
    text = (ROOT / "services" / service / "config" / "sample.toml").read_text()
    return {match[2]: not match[1] for match in re.finditer(r"^(#?)(\w+) = ", text, re.M)}


def keys(environment):
    """An environment's keys as the configuration file has them."""
    return {name.removeprefix("COUNTERSIGN_").lower() for name in environment}


def lay_out(directory, overlay, service):
    """The files that a service's container has mounted, below a directory."""
    there = {one["metadata"]["name"]: one["data"] for one in drawn_secrets("dev") + drawn_secrets(overlay) if one["kind"] == "Secret"}
    for cluster in of_kind(overlay, "Cluster"):
        there[f"{cluster['metadata']['name']}-ca"] = {"ca.crt": there["tenant-tls"]["ca.crt"]}
    (trust,) = [one for one in drawn_secrets("dev") if one["kind"] == "ConfigMap"]
    maps = {trust["metadata"]["name"]: {name: base64.b64encode(text.encode()) for name, text in trust["data"].items()}}
    spec = named(overlay, "Deployment", service)["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for mount in spec["containers"][0]["volumeMounts"]:
        volume = volumes[mount["name"]]
        source = volume.get("secret") or volume["configMap"]
        data = there[source["secretName"]] if "secret" in volume else maps[source["name"]]
        items = source.get("items") or [{"key": key, "path": key} for key in data]
        target = pathlib.Path(directory + mount["mountPath"])
        target.mkdir(parents=True)
        for item in items:
            content = base64.b64decode(data[item["key"]])
            # Files are named in URLs, too.
            content = content.replace(b"sslrootcert=/", f"sslrootcert={directory}/".encode())
            (target / item["path"]).write_bytes(content)
            (target / item["path"]).chmod(0o400)


def check_config(service, environment):
    """The program's own word on an environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
    return subprocess.run([BINARIES / service, "check-config"], env=kept | environment, capture_output=True, text=True)


# What a busy machine adds: followers and the sequencer end, processes are cut off.
MARGIN = 10


def last_seconds():
    """How long a program may take after its drain: the constants of the code."""
    code = (ROOT / "crates" / "host" / "src" / "program.rs").read_text()
    words = int(re.search(r"const LAST_WORDS: Duration = Duration::from_secs\((\d+)\)", code)[1])
    runtime = int(re.search(r"runtime\.shutdown_timeout\(Duration::from_secs\((\d+)\)\)", code)[1])
    return words + runtime


class Settings(unittest.TestCase):
    def test_every_key_is_one_of_the_code_and_what_is_required_is_there(self):
        for overlay in OVERLAYS:
            for service in SERVICES:
                with self.subTest(overlay=overlay, service=service):
                    known, given = sample(service), keys(settings(overlay, service))
                    self.assertEqual(given - set(known), set())
                    self.assertEqual({key for key, required in known.items() if required} - given, set())

    def test_the_programs_take_the_environment_and_the_files_of_their_containers(self):
        for overlay in OVERLAYS:
            for service in SERVICES:
                with self.subTest(overlay=overlay, service=service), tempfile.TemporaryDirectory() as directory:
                    lay_out(directory, overlay, service)
                    paths = lambda value: directory + value if value.startswith("/") else value
                    environment = {name: paths(value) for name, value in settings(overlay, service).items()}
                    answer = check_config(service, environment)
                    self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)

    def test_the_programs_refuse_what_they_do_not_know_and_what_is_not_there(self):
        with tempfile.TemporaryDirectory() as directory:
            lay_out(directory, "dev", "tenant")
            environment = {name: directory + value if value.startswith("/") else value for name, value in settings("dev", "tenant").items()}
            self.assertNotEqual(check_config("tenant", environment | {"COUNTERSIGN_COLOUR": "red"}).returncode, 0)
            self.assertNotEqual(check_config("tenant", environment | {"COUNTERSIGN_TLS_KEY": directory + "/nothing"}).returncode, 0)

    def test_secrets_are_files_and_never_values(self):
        for overlay in OVERLAYS:
            for service in SERVICES:
                for name in settings(overlay, service):
                    self.assertFalse(re.search(r"PASSWORD|_URL$", name), name)

    def test_ports_are_those_that_the_programs_listen_on(self):
        for overlay in OVERLAYS:
            for service in SERVICES:
                container = named(overlay, "Deployment", service)["spec"]["template"]["spec"]["containers"][0]
                ports = {port["name"]: port["containerPort"] for port in container["ports"]}
                environment = settings(overlay, service)
                for name, key in (("grpc", "COUNTERSIGN_LISTEN"), ("ops", "COUNTERSIGN_OPS_LISTEN")):
                    self.assertEqual(environment[key], f"0.0.0.0:{ports[name]}")

    def test_probes_and_scrapes_ask_for_what_the_ops_port_serves(self):
        code = "".join(path.read_text() for path in (ROOT / "crates" / "host" / "src").rglob("*.rs"))
        asked = set()
        for overlay in OVERLAYS:
            for service in SERVICES:
                container = named(overlay, "Deployment", service)["spec"]["template"]["spec"]["containers"][0]
                asked |= {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
            for monitor in of_kind(overlay, "ServiceMonitor"):
                asked |= {endpoint["path"] for endpoint in monitor["spec"]["endpoints"]}
        # Not /readyz: what fails there in all replicas at once would leave nobody an address.
        self.assertEqual(asked, {"/livez", "/servez", "/metrics"})
        for path in asked:
            self.assertTrue(f'"{path}"' in code, path)

    def test_a_pod_is_given_the_time_that_its_program_takes_to_stop(self):
        for overlay in OVERLAYS:
            for service in SERVICES:
                environment = settings(overlay, service)
                takes = int(environment["COUNTERSIGN_STOP_DELAY_SECONDS"]) + int(environment["COUNTERSIGN_DRAIN_SECONDS"])
                pod = named(overlay, "Deployment", service)["spec"]["template"]["spec"]
                self.assertGreaterEqual(pod["terminationGracePeriodSeconds"], takes + last_seconds() + MARGIN)

    def test_a_unit_is_given_the_time_that_its_program_takes_to_stop(self):
        unit = (DEPLOY / "systemd" / "countersign@.service").read_text()
        given = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M)[1])
        for service in SERVICES:
            values = tomllib.loads((DEPLOY / "systemd" / "config" / f"{service}.toml").read_text())
            self.assertGreaterEqual(given, values["stop_delay_seconds"] + values["drain_seconds"] + last_seconds() + MARGIN)

    def test_hashing_fits_into_the_memory_that_is_given(self):
        # Argon2id, m=19456 KiB.
        mebibytes = 19
        unit = (DEPLOY / "systemd" / "countersign@.service").read_text()
        permits = tomllib.loads((DEPLOY / "systemd" / "config" / "identity.toml").read_text())["hashing_permits"]
        # No more than half of it: the rest is everything else's.
        self.assertLessEqual(permits * mebibytes, int(re.search(r"^MemoryMax=(\d+)M$", unit, re.M)[1]) / 2)
        for overlay in OVERLAYS:
            limit = named(overlay, "Deployment", "identity")["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
            self.assertLessEqual(int(settings(overlay, "identity")["COUNTERSIGN_HASHING_PERMITS"]) * mebibytes, int(limit.removesuffix("Mi")) / 2)

    def test_migrations_are_told_the_owners_url_alone(self):
        for service in SERVICES:
            container = migration("production", service)["spec"]["template"]["spec"]["containers"][0]
            self.assertEqual([one["name"] for one in container["env"]], ["COUNTERSIGN_OWNER_DATABASE_URL_FILE"])
            mounted = container["volumeMounts"][0]["mountPath"]
            self.assertEqual(container["env"][0]["value"], f"{mounted}/owner-url")

    def test_the_units_of_systemd_name_settings_of_the_code(self):
        for service in SERVICES:
            values = tomllib.loads((DEPLOY / "systemd" / "config" / f"{service}.toml").read_text())
            known = sample(service)
            self.assertEqual(set(values) - set(known), set())
            self.assertEqual({key for key, required in known.items() if required} - set(values), set())


if __name__ == "__main__":
    unittest.main()
