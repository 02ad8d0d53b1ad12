"""The rendered manifests, and what can be asked of them. No check is made here."""

import functools
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("dev", "production", "production-nats", "restored")
# What asks for the operators of a production cluster.
PRODUCTION = OVERLAYS[1:]
SERVICES = ("tenant", "identity", "mfa")


@functools.cache
def rendered(overlay):
    """Everything of an overlay, as kustomize renders it."""
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / "overlays" / overlay)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [document for document in yaml.safe_load_all(text) if document]


@functools.cache
def drawn_secrets(overlay):
    """What make-secrets draws for an overlay: Secrets, and whom to trust where it makes the certificates."""
    kind = "dev" if overlay == "dev" else "production"
    text = subprocess.run([str(DEPLOY / "kubernetes" / "make-secrets"), kind], check=True, capture_output=True, text=True).stdout
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(overlay, *kinds):
    """The objects of these kinds."""
    return [one for one in rendered(overlay) if one["kind"] in kinds]


def named(overlay, kind, name):
    """The one object of this kind and name."""
    found = [one for one in of_kind(overlay, kind) if one["metadata"]["name"] == name]
    assert len(found) == 1, f"{overlay} has {len(found)} {kind}/{name}"
    return found[0]


def pod_templates(overlay):
    """(name, labels, spec) of everything that makes pods."""
    for one in of_kind(overlay, "Deployment", "StatefulSet", "Job", "CronJob"):
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
        template = spec["template"]
        yield f"{one['kind']}/{one['metadata']['name']}", template["metadata"]["labels"], template["spec"]


def migration(overlay, service):
    """The Job that migrates a service's database, whatever release it is named by."""
    labels = {"app.kubernetes.io/name": service, "app.kubernetes.io/component": "migration"}
    (found,) = [one for one in of_kind(overlay, "Job") if labels.items() <= one["metadata"]["labels"].items()]
    return found


def settings(overlay, service):
    """The environment of a service's container, as its ConfigMap has it."""
    container = named(overlay, "Deployment", service)["spec"]["template"]["spec"]["containers"][0]
    (source,) = container["envFrom"]
    return named(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]


def selects(selector, labels):
    """Whether a label selector selects what has these labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for wanted in selector.get("matchExpressions", []):
        has = labels.get(wanted["key"])
        operator = wanted["operator"]
        if operator == "In" and has not in wanted["values"]:
            return False
        if operator == "NotIn" and has in wanted["values"]:
            return False
        if operator == "Exists" and has is None:
            return False
        if operator == "DoesNotExist" and has is not None:
            return False
    return True
