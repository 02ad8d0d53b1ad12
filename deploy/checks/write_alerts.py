"""Writes the cluster's alerts from observability/alerts.yaml. test_observability.py compares."""

import yaml

from deploy.checks.manifests import DEPLOY

rule = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PrometheusRule",
    "metadata": {"name": "countersign"},
    "spec": yaml.safe_load((DEPLOY / "observability" / "alerts.yaml").read_text()),
}
text = "# Made of deploy/observability/alerts.yaml by `python3 -m deploy.checks.write_alerts`; not edited.\n"
text += yaml.safe_dump(rule, sort_keys=False, width=140)
(DEPLOY / "kubernetes" / "overlays" / "production" / "alerts.yaml").write_text(text)
