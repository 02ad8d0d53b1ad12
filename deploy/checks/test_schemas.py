"""Every object is one that Kubernetes, or the operator that defines it, takes: no unknown field, no wrong value."""

import pathlib
import unittest

import jsonschema
import kubernetes_validate
import yaml
from cloudcoil.models.cert_manager import v1 as cert_manager
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

from deploy.checks.manifests import OVERLAYS, drawn_secrets, rendered

KUBERNETES = "1.34"
MODELS = {
    "cert-manager.io/v1": cert_manager,
    "monitoring.coreos.com/v1": prometheus_operator,
}
# No package carries the schemas of CloudNativePG and of its plugin: what we use of them, written by hand.
BY_HAND = {"postgresql.cnpg.io/v1", "barmancloud.cnpg.io/v1"}


def closed(schema):
    """A schema that refuses what it does not name."""
    if "properties" in schema:
        inner = {name: closed(one) for name, one in schema["properties"].items()}
        return schema | {"type": "object", "properties": inner, "additionalProperties": False}
    if "items" in schema:
        return schema | {"items": closed(schema["items"])}
    return schema


OURS = {
    kind: closed({"required": ["spec"], "properties": {"apiVersion": {}, "kind": {}, "metadata": {}, "spec": spec}})
    for kind, spec in yaml.safe_load((pathlib.Path(__file__).parent / "cnpg_schemas.yaml").read_text()).items()
}


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
                    elif version in BY_HAND:
                        jsonschema.validate(one, OURS[kind])
                    else:
                        kubernetes_validate.validate(one, KUBERNETES, strict=True)
        self.assertEqual(set(OURS), kinds & set(OURS))
        self.assertTrue({"Deployment", "NetworkPolicy", "Certificate", "Issuer", "ServiceMonitor", "PrometheusRule", "Cluster"} <= kinds)

    def test_what_is_unknown_is_noticed(self):
        given = {"spec": {"instances": 3, "storage": {"size": "1Gi"}, "postgresql": {"synchronous": {"method": "any", "number": 1}}}}
        jsonschema.validate(given, OURS["Cluster"])
        for path, value in (("colour", "red"), ("instances", "3"), ("storage", {"sise": "1Gi"}), ("postgresql", {"synchronous": {"method": "all", "number": 1}})):
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate({"spec": given["spec"] | {path: value}}, OURS["Cluster"])
        given = {"metadata": {"name": "x"}, "spec": {"secretName": "x", "issuerRef": {"name": "x", "colour": "red"}}}
        kept = cert_manager.Certificate.model_validate(given).model_dump(by_alias=True, exclude_none=True, mode="json")
        self.assertEqual(list(lost(given, kept)), [".spec.issuerRef.colour"])
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"colour": "red"}}, KUBERNETES, strict=True)


if __name__ == "__main__":
    unittest.main()
