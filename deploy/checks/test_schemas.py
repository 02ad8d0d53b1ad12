"""Every object is one that Kubernetes, or the operator that defines it, takes: no unknown field, no wrong value."""

import unittest

import kubernetes_validate
from cloudcoil.models.cert_manager import v1 as cert_manager
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

from deploy.checks.manifests import OVERLAYS, drawn_secrets, rendered

KUBERNETES = "1.34"
MODELS = {
    "cert-manager.io/v1": cert_manager,
    "monitoring.coreos.com/v1": prometheus_operator,
}
# No package carries the schemas of CloudNativePG; test_database.py holds what matters of these.
UNPUBLISHED = {"postgresql.cnpg.io/v1", "barmancloud.cnpg.io/v1"}


def lost(given, kept, path=""):
    """The paths of what a model did not keep: fields that it does not know."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}.{key}"
            else:
                yield from lost(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list):
        for number, value in enumerate(given):
            yield from lost(value, kept[number], f"{path}[{number}]")


class Schemas(unittest.TestCase):
    def test_everything_is_valid(self):
        kinds = set()
        for overlay in OVERLAYS:
            for one in rendered(overlay) + drawn_secrets(overlay):
                version, kind = one["apiVersion"], one["kind"]
                kinds.add(kind)
                with self.subTest(overlay=overlay, kind=kind, name=one["metadata"]["name"]):
                    if version in MODELS:
                        kept = getattr(MODELS[version], kind).model_validate(one).model_dump(by_alias=True, exclude_none=True, mode="json")
                        self.assertEqual(list(lost(one, kept)), [])
                    elif version not in UNPUBLISHED:
                        kubernetes_validate.validate(one, KUBERNETES, strict=True)
        self.assertTrue({"Deployment", "NetworkPolicy", "Certificate", "Issuer", "ServiceMonitor", "PrometheusRule", "Cluster"} <= kinds)

    def test_what_is_unknown_is_noticed(self):
        given = {"metadata": {"name": "x"}, "spec": {"secretName": "x", "issuerRef": {"name": "x", "colour": "red"}}}
        kept = cert_manager.Certificate.model_validate(given).model_dump(by_alias=True, exclude_none=True, mode="json")
        self.assertEqual(list(lost(given, kept)), [".spec.issuerRef.colour"])
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"colour": "red"}}, KUBERNETES, strict=True)


if __name__ == "__main__":
    unittest.main()
