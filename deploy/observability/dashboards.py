#!/usr/bin/env python3
"""The Grafana dashboards, one for each service: `dashboards.py` writes dashboards/*.json, `--check` compares.

What a dashboard shows is a list of rows here; the JSON beside it is generated and never edited. Every metric named here is one
of crates/telemetry/src/names.rs, which deploy/check sees to.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent / "dashboards"
# Calls that last as long as somebody listens say nothing about speed.
BRIEF = 'rpc_method!~".*/(WatchEvents|Watch|AwaitApplied|ServerReflectionInfo)"'


def calls(job):
    base = f'rpc_server_call_duration_seconds_count{{job="{job}", instance=~"$instance"'
    buckets = f'rpc_server_call_duration_seconds_bucket{{job="{job}", instance=~"$instance", {BRIEF}}}[$__rate_interval]'
    return "Calls", [
        ("Calls by method", "reqps", [(f"sum by (rpc_method) (rate({base}}}[$__rate_interval]))", "{{rpc_method}}")]),
        (
            "Refusals and failures",
            "reqps",
            [
                (
                    f'sum by (rpc_response_status_code, error_type) (rate({base}, rpc_response_status_code!="OK"}}[$__rate_interval]))',
                    "{{rpc_response_status_code}} {{error_type}}",
                )
            ],
        ),
        (
            "Duration",
            "s",
            [(f"histogram_quantile({q}, sum by (le) (rate({buckets})))", f"p{int(q * 100)}") for q in (0.5, 0.95, 0.99)],
        ),
        (
            "99th percentile by method",
            "s",
            [(f"histogram_quantile(0.99, sum by (le, rpc_method) (rate({buckets})))", "{{rpc_method}}")],
        ),
    ]


def state(job, follows):
    me = f'job="{job}", instance=~"$instance"'
    panels = [
        ("Takes calls", "bool_yes_no", [(f"countersign_serving{{{me}}}", "{{instance}}")]),
        ("Conditions that fail", "short", [(f"countersign_condition{{{me}}} == 0", "{{instance}} {{countersign_condition}}")]),
        ("Certificate ends in", "s", [(f"countersign_certificate_not_after_seconds{{{me}}} - time()", "{{instance}}")]),
        (
            "Clock: difference to what it is compared with",
            "s",
            [
                (f"countersign_clock_difference_seconds{{{me}}}", "{{instance}} {{clock_reference}}"),
                (f"countersign_clock_trusted{{{me}}} == 0", "{{instance}} is not trusted"),
            ],
        ),
        ("Events without a position", "short", [(f"max(countersign_sequencer_lag{{{me}}})", "events")]),
        ("Sequencer", "short", [(f"countersign_sequencer_state{{{me}}} == 1", "{{instance}} {{countersign_state}}")]),
    ]
    if follows:
        panels += [
            ("Followed logs: last heard of", "s", [(f"countersign_follower_age_seconds{{{me}}}", "{{instance}} {{countersign_log}}")]),
            (
                "Followed logs: state",
                "short",
                [(f"countersign_follower_state{{{me}}} == 1", "{{instance}} {{countersign_log}} {{countersign_state}}")],
            ),
        ]
    return "State", panels


def database(job):
    me = f'job="{job}", instance=~"$instance"'
    units = f'countersign_unit_duration_seconds_bucket{{{me}}}[$__rate_interval]'
    return "Database", [
        ("Connections", "short", [(f"sum by (countersign_state) (countersign_pool_connections{{{me}}})", "{{countersign_state}}")]),
        (
            "Units of work",
            "ops",
            [
                (
                    f"sum by (countersign_unit, countersign_outcome) (rate(countersign_unit_duration_seconds_count{{{me}}}[$__rate_interval]))",
                    "{{countersign_unit}} {{countersign_outcome}}",
                )
            ],
        ),
        ("Units: 99th percentile", "s", [(f"histogram_quantile(0.99, sum by (le, countersign_unit) (rate({units})))", "{{countersign_unit}}")]),
        (
            "Units that PostgreSQL asked to repeat",
            "ops",
            [(f"sum by (countersign_unit) (rate(countersign_unit_repetitions_total{{{me}}}[$__rate_interval]))", "{{countersign_unit}}")],
        ),
    ]


def peers(job):
    me = f'job="{job}", instance=~"$instance"'
    return "Calls to other services", [
        (
            "Calls",
            "reqps",
            [
                (
                    f"sum by (rpc_method, rpc_response_status_code) (rate(rpc_client_call_duration_seconds_count{{{me}}}[$__rate_interval]))",
                    "{{rpc_method}} {{rpc_response_status_code}}",
                )
            ],
        ),
        (
            "99th percentile",
            "s",
            [
                (
                    f"histogram_quantile(0.99, sum by (le, rpc_method) (rate(rpc_client_call_duration_seconds_bucket{{{me}}}[$__rate_interval])))",
                    "{{rpc_method}}",
                )
            ],
        ),
    ]


def events(job, kinds):
    def rate(pattern, by):
        return (
            f'sum by ({by}) (rate(countersign_events_total{{job="{job}", instance=~"$instance", countersign_event_type=~"{pattern}"}}[$__rate_interval]))',
            " ".join(f"{{{{{label}}}}}" for label in by.split(", ")),
        )

    by = "countersign_event_type, countersign_outcome, reason"
    return "What happens", [(title, "ops", [rate(pattern, by)]) for title, pattern in kinds]


def hashing():
    me = 'job="identity", instance=~"$instance"'
    return "Passwords", [
        ("Hashes that run or wait", "short", [(f"sum by (instance) (countersign_hashing_queue{{{me}}})", "{{instance}}")]),
        (
            "A hash, its turn included",
            "s",
            [
                (f"histogram_quantile({q}, sum by (le) (rate(countersign_hashing_duration_seconds_bucket{{{me}}}[$__rate_interval])))", f"p{int(q * 100)}")
                for q in (0.5, 0.99)
            ],
        ),
        (
            "Attempts refused unlooked at",
            "ops",
            [(f"sum by (countersign_cause) (rate(countersign_attempts_refused_unlooked_total{{{me}}}[$__rate_interval]))", "{{countersign_cause}}")],
        ),
    ]


def adoption():
    me = 'job="mfa", instance=~"$instance"'
    return "Adoption", [
        ("Users by state", "short", [(f"max by (countersign_state) (countersign_adoption_users{{{me}}})", "{{countersign_state}}")]),
        (
            "Enrolled of those enforced",
            "percentunit",
            [
                (
                    f'max(countersign_adoption_users{{{me}, countersign_state="enrolled"}}) / max(countersign_adoption_users{{{me}, countersign_state="enforced"}})',
                    "enrolled",
                )
            ],
        ),
    ]


DASHBOARDS = {
    "tenant": [
        calls("tenant"),
        events("tenant", [("Organisations", r"tenant\\.organization\\..*"), ("Refused calls", r"tenant\\.call\\.refused")]),
        state("tenant", follows=True),
        database("tenant"),
        peers("tenant"),
    ],
    "identity": [
        calls("identity"),
        events(
            "identity",
            [
                ("Sign-ins", r"identity\\.sign_in\\..*"),
                ("Sessions", r"identity\\.session\\..*"),
                ("Users", r"identity\\.(user|password|invitation)\\..*"),
            ],
        ),
        hashing(),
        state("identity", follows=True),
        database("identity"),
        peers("identity"),
    ],
    "mfa": [
        calls("mfa"),
        events(
            "mfa",
            [
                ("Verifications", r"mfa\\.(verification|recovery_code)\\..*"),
                ("Enrolments", r"mfa\\.(enrollment|factor)\\..*"),
                ("Policy", r"mfa\\.enforcement\\..*"),
                ("What needs a look", r"mfa\\.(secret|break_glass|password|call)\\..*"),
            ],
        ),
        adoption(),
        state("mfa", follows=True),
        database("mfa"),
        peers("mfa"),
    ],
}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def panel(number, title, unit, targets, x, y):
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"h": 8, "w": 12, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": unit, "custom": {"fillOpacity": 8, "showPoints": "never"}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for i, (expr, legend) in enumerate(targets)
        ],
    }


def dashboard(job, rows):
    panels, y, number = [], 0, 1
    for title, members in rows:
        panels.append({"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}, "panels": []})
        number, y = number + 1, y + 1
        for i, (name, unit, targets) in enumerate(members):
            panels.append(panel(number, name, unit, targets, 12 * (i % 2), y + 8 * (i // 2)))
            number += 1
        y += 8 * ((len(members) + 1) // 2)
    return {
        "uid": f"countersign-{job}",
        "title": f"Countersign: {job}",
        "tags": ["countersign"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                {
                    "name": "instance",
                    "label": "Replica",
                    "type": "query",
                    "datasource": SOURCE,
                    "query": f'label_values(up{{job="{job}"}}, instance)',
                    "refresh": 2,
                    "multi": True,
                    "includeAll": True,
                    "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                },
            ]
        },
        "panels": panels,
    }


def main():
    check = sys.argv[1:] == ["--check"]
    HERE.mkdir(exist_ok=True)
    wrong = []
    for job, rows in DASHBOARDS.items():
        path = HERE / f"{job}.json"
        text = json.dumps(dashboard(job, rows), indent=1, ensure_ascii=False) + "\n"
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            wrong.append(str(path))
    for path in wrong:
        print(f"{path} is not what dashboards.py makes: run it", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
