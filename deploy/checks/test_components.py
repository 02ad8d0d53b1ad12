"""What only some clusters have: each component fits production, and opens what it is there for and nothing else."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import kubernetes_validate
import yaml

from deploy.checks.manifests import DEPLOY, of_kind
from deploy.checks.test_schemas import KUBERNETES

KUBERNETES_DIRECTORY = DEPLOY / "kubernetes"


def policies_with(component):
    """The NetworkPolicies of production with a component, by name."""
    with tempfile.TemporaryDirectory() as directory:
        place = os.path.relpath(KUBERNETES_DIRECTORY, os.path.realpath(directory))
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [f"{place}/overlays/production"],
            "components": [f"{place}/components/{component}"],
        }
        pathlib.Path(directory, "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        text = subprocess.run(["kubectl", "kustomize", directory], check=True, capture_output=True, text=True).stdout
    return {one["metadata"]["name"]: one for one in yaml.safe_load_all(text) if one["kind"] == "NetworkPolicy"}


class Components(unittest.TestCase):
    def differing(self, component):
        """What a component adds to or changes in production's policies."""
        before = {one["metadata"]["name"]: one for one in of_kind("production", "NetworkPolicy")}
        after = policies_with(component)
        self.assertEqual(set(before) - set(after), set())
        found = {name: one for name, one in after.items() if before.get(name) != one}
        for one in found.values():
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
            self.assertEqual(one["metadata"]["namespace"], "countersign")
        return found

    def test_all_of_them_are_looked_at(self):
        there = {path.name for path in (KUBERNETES_DIRECTORY / "components").iterdir()}
        # nats has an overlay of its own, which the other tests look at.
        self.assertEqual(there, {"nats", "ntp", "node-local-dns", "openshift-dns"})

    def test_a_time_server_can_be_asked(self):
        found = self.differing("ntp")
        self.assertEqual(set(found), {"to-ntp"})
        self.assertEqual(found["to-ntp"]["spec"]["policyTypes"], ["Egress"])
        self.assertEqual([rule["ports"] for rule in found["to-ntp"]["spec"]["egress"]], [[{"protocol": "UDP", "port": 123}]])

    def test_the_nodes_own_dns_can_be_asked_as_well(self):
        found = self.differing("node-local-dns")
        self.assertEqual(set(found), {"dns"})
        (rule,) = found["dns"]["spec"]["egress"]
        self.assertIn({"ipBlock": {"cidr": "169.254.20.10/32"}}, rule["to"])
        self.assertEqual(len(rule["to"]), 2)

    def test_openshift_has_its_dns(self):
        found = self.differing("openshift-dns")
        self.assertEqual(set(found), {"dns"})
        (rule,) = found["dns"]["spec"]["egress"]
        self.assertEqual({(one["protocol"], one["port"]) for one in rule["ports"]}, {("UDP", 5353), ("TCP", 5353)})


if __name__ == "__main__":
    unittest.main()
