"""The metrics of the code, as Prometheus shows them: exact names, and the labels that each may have. Read from the sources.

Counters get `_total`, histograms come as `_bucket`, `_sum` and `_count`, the unit `s` becomes `_seconds`: so the exporter does
(crates/telemetry). crates/countersign/tests/operated scrapes the running services, and would notice if it did not.
"""

import re

from deploy.checks.manifests import ROOT

TELEMETRY = ROOT / "crates" / "telemetry" / "src"
# Of the semantic conventions (OpenTelemetry).
CONVENTIONS = {
    "RPC_SERVER_CALL_DURATION": "rpc.server.call.duration",
    "RPC_CLIENT_CALL_DURATION": "rpc.client.call.duration",
    "RPC_SYSTEM_NAME": "rpc.system.name",
    "RPC_METHOD": "rpc.method",
    "RPC_RESPONSE_STATUS_CODE": "rpc.response.status_code",
    "ERROR_TYPE": "error.type",
}
# What Prometheus adds to everything that it scrapes.
SCRAPED = {"job", "instance"}


def constants():
    """Every name of names.rs, and of the conventions."""
    own = dict(re.findall(r"pub const (\w+): &str =\s*\"([\w.]+)\"", (TELEMETRY / "names.rs").read_text()))
    return {name: value.replace(".", "_") for name, value in (CONVENTIONS | own).items()}


def attributes(source):
    """The attributes that a piece of code gives; `of_log` is a helper that gives one."""
    found = {name for name in re.findall(r"KeyValue::new\(\s*(?:names::)?([A-Z_]+)", source)}
    return found | ({"LOG"} if "of_log(" in source else set())


def body(source, function):
    """A function's text."""
    return re.search(rf"\nfn {function}\(.*?\n}}\n", source, re.S)[0]


def instruments():
    """{constant of the metric: (kind, unit, attributes)} of counters and histograms."""
    source = (TELEMETRY / "metrics.rs").read_text()
    fields = {}
    for field, maker, metric in re.findall(r"(\w+): (seconds|count)\(\s*(?:names::)?([A-Z_]+)", source):
        fields[field] = (metric, *{"seconds": ("histogram", "s"), "count": ("counter", "")}[maker])
    found = {metric: (kind, unit, set()) for metric, kind, unit in fields.values()}
    for function in re.findall(r"\npub(?:\(crate\))? fn .*?\n}\n", source, re.S):
        for field, given in re.findall(r"INSTRUMENTS\.(\w+)\.(?:record|add)\((.*?)\);", function, re.S):
            if "&rpc(" in given:
                used = attributes(body(source, "rpc"))
            elif "&attributes" in given:
                # The list's own lines, and what is pushed to it: not what another call gives beside it.
                used = attributes("".join(re.findall(r"let (?:mut )?attributes =.*?;|attributes\.push\(.*?;", function, re.S)))
            else:
                used = attributes(given)
            found[fields[field][0]][2].update(used)
    return found


def gauges():
    """The same of what is looked at when metrics are read: every `metrics::observe` of the code."""
    found = {}
    for path in [*(ROOT / "crates").rglob("src/**/*.rs"), *(ROOT / "services").rglob("src/**/*.rs")]:
        # From one call to the next, or to the end of the function that it stands in.
        for chunk in path.read_text().split("metrics::observe(")[1:]:
            metric, unit = re.match(r"\s*names::([A-Z_]+),\s*\"(\w*)\"", chunk).groups()
            found[metric] = ("gauge", unit, attributes(re.split(r"\n}\n", chunk)[0]))
    return found


def exposed():
    """{name as Prometheus shows it: its labels}, and `up`, which is Prometheus's own."""
    names, found = constants(), {"up": set(SCRAPED)}
    for metric, (kind, unit, used) in (instruments() | gauges()).items():
        base = names[metric] + ("_seconds" if unit == "s" else "")
        labels = {names[one] for one in used} | SCRAPED
        if kind == "histogram":
            found |= {f"{base}_bucket": labels | {"le"}, f"{base}_sum": labels, f"{base}_count": labels}
        else:
            found[f"{base}_total" if kind == "counter" else base] = labels
    return found


def declared():
    """The constants of names.rs that are metrics."""
    return {name for name in constants() if name.startswith("METRIC_")}
