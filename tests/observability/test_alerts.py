"""Alerts and dashboards: rules by promtool, metrics by their names, runbooks by their places."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.telemetry import METRICS, Metric

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy/compose/prometheus"
DASHBOARDS = sorted((ROOT / "deploy/compose/grafana/dashboards").glob("*.json"))
# Of Prometheus itself and of its node exporter.
FOREIGN = {"up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
KNOWN = {metric.name: metric for metric in METRICS}
SERIES = re.compile(r"\b(up|(?:waypost|node)_[a-z_]+)\b(?:\{([^}]*)\})?")


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]:
        yield from group["rules"]


def expressions(node: Any) -> Iterator[str]:
    """Every PromQL expression in a dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from expressions(part)


def shown() -> list[str]:
    return [expr for file in DASHBOARDS for expr in expressions(json.loads(file.read_text()))]


@pytest.fixture
def promtool() -> str:
    found = os.environ.get("WAYPOST_PROMTOOL") or shutil.which("promtool")
    if not found:
        pytest.skip("There is no promtool: deploy/local/packages.sh promtool brings it.")
    return found


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in rules()), *shown()])
def test_a_metric_that_is_looked_at_is_one_that_we_name_with_the_labels_it_has(
    expression: str,
) -> None:
    found = SERIES.findall(expression)

    assert found
    for name, selectors in found:
        assert name in KNOWN.keys() | FOREIGN
        if metric := KNOWN.get(name):
            selected = re.findall(r"(\w+)\s*(?:=|!)", selectors)
            assert set(selected) <= {"service", *metric.labels}
    grouped = re.findall(r"by \(([^)]*)\)", expression)
    labels = {label.strip() for group in grouped for label in group.split(",")}
    ours = [KNOWN[name] for name, _ in found if name in KNOWN]
    assert not labels or labels <= {"service", *(each for m in ours for each in m.labels)}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_shown_on_a_dashboard(metric: Metric) -> None:
    assert any(re.search(rf"\b{metric.name}\b", expression) for expression in shown())


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_what_to_do_and_has_a_test(rule: dict[str, Any]) -> None:
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    tested = (PROMETHEUS / "rules_test.yml").read_text()

    assert anchor in {re.sub(r"[^a-z ]", "", one.lower()).replace(" ", "-") for one in headings}
    assert tested.count(f"alertname: {rule['alert']}") >= 2


def test_the_rules_are_rules_and_speak_when_they_should(promtool: str) -> None:
    checked = run(promtool, "check", "rules", "rules.yml")
    configured = run(promtool, "check", "config", "prometheus.yml")
    tested = run(promtool, "test", "rules", "rules_test.yml")

    assert (checked.returncode, checked.stderr) == (0, "")
    assert configured.returncode == 0, configured.stdout
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_what_a_dashboard_asks_is_promql(promtool: str, tmp_path: Path) -> None:
    asked = [re.sub(r"\$__(rate_)?interval", "5m", one) for one in shown()]
    named = [{"record": f"check:dashboard:{n}", "expr": one} for n, one in enumerate(asked)]
    file = tmp_path / "asked.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": named}]}))

    done = run(promtool, "check", "rules", str(file))

    assert done.returncode == 0, done.stdout + done.stderr


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
