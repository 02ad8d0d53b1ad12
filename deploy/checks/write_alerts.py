"""Writes the cluster's alerts from observability/alerts*.yaml. test_observability.py compares."""

import yaml

from deploy.checks.manifests import DEPLOY

for source, target, name in (("alerts", "alerts", "countersign"), ("alerts_database", "alerts-database", "countersign-db")):
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name},
        "spec": yaml.safe_load((DEPLOY / "observability" / f"{source}.yaml").read_text()),
    }
    text = f"# Made of deploy/observability/{source}.yaml by `python3 -m deploy.checks.write_alerts`; not edited.\n"
    text += yaml.safe_dump(rule, sort_keys=False, width=140)
    (DEPLOY / "kubernetes" / "overlays" / "production" / f"{target}.yaml").write_text(text)
