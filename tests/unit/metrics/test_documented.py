"""docs/metrics.md, the alerts and the dashboard name what there is, and nothing else."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from promql_parser import VectorSelector, parse, walk
from ruamel.yaml import YAML

from worker.metrics.instruments import Instruments

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/metrics.md").read_text("utf-8")
RULES = YAML(typ="safe").load((ROOT / "docs/alerts.yml").read_text("utf-8"))
DASHBOARD = json.loads((ROOT / "docs/grafana-dashboard.json").read_text("utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [
    target["expr"].replace("$__rate_interval", "5m")  # Grafana's, filled in before Prometheus reads it
    for panel in PANELS
    for target in panel["targets"]
]
SUFFIXES = {"counter": "_total", "info": "_info"}
OF_SCRAPES = {"job", "instance"}  # labels that Prometheus adds
DURATION = re.compile(r"[0-9]+(s|m|h|d)")


@cache
def metrics() -> dict[str, tuple[str, frozenset[str], str]]:
    """Type, labels and sentence of each metric, by the name that Prometheus shows."""
    instruments = Instruments()
    instruments.worker.info({"version": "1", "worker_id": "w"})
    labels = {
        found._name: frozenset(found._labelnames)
        for found in vars(instruments).values()
        if hasattr(found, "_labelnames")
    } | {"batch_worker": frozenset({"version", "worker_id"})}
    return {
        family.name + SUFFIXES.get(family.type, ""): (
            "gauge" if family.type == "info" else family.type,
            labels.get(family.name, frozenset()),
            family.documentation.rstrip("."),
        )
        for family in instruments.registry.collect()
    }


def series() -> dict[str, frozenset[str]]:
    """The labels of every name that an expression may use."""
    found = {"up": frozenset[str]()}
    for name, (kind, labels, _) in metrics().items():
        if kind == "histogram":
            found[f"{name}_bucket"] = labels | {"le"}
            found[f"{name}_sum"] = found[f"{name}_count"] = labels
        else:
            found[name] = labels
    return found


def selectors(expression: str) -> list[VectorSelector]:
    found: list[VectorSelector] = []

    def visit(node: Any) -> None:
        if isinstance(node, VectorSelector):
            found.append(node)

    walk(parse(expression), visit)
    return found


def test_every_metric_is_documented_as_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    documented = {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels)), text.rstrip("."))
        for name, kind, labels, text in rows
    }
    assert documented == metrics()


def test_names_follow_the_rules_of_prometheus() -> None:
    for name, (kind, _, _) in metrics().items():
        assert re.fullmatch(r"(batch|process)_[a-z]+(_[a-z]+)*", name), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"(milliseconds|minutes|kilobytes|percent)", name), name


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_uses_what_there_is(expression: str) -> None:
    found = selectors(expression)
    assert found
    known = series()
    for selector in found:
        assert selector.name in known
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= known[selector.name] | OF_SCRAPES


def test_the_expressions_are_looked_into() -> None:
    (selector,) = selectors('sum by (x)(rate(batch_no_such_total{colour="red"}[5m])) > 0')
    assert selector.name not in series()
    assert [matcher.name for matcher in selector.matchers.matchers] == ["colour"]
    with pytest.raises(ValueError):
        parse("sum(rate(batch_jobs[5m])")


def test_the_rules_have_the_form_that_prometheus_reads() -> None:
    assert set(RULES) == {"groups"}
    for group in RULES["groups"]:
        assert set(group) == {"name", "rules"}
    names = [rule["alert"] for rule in ALERTS]
    assert len(set(names)) == len(names)
    for rule in ALERTS:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"Batch[A-Za-z]+", rule["alert"])
        assert DURATION.fullmatch(rule["for"])
        assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
        assert set(rule["annotations"]) == {"summary", "description"}


def test_an_alert_says_only_what_its_expression_keeps() -> None:
    for rule in ALERTS:
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        labels = set().union(*(series()[s.name] for s in selectors(rule["expr"]) if s.name is not None))
        assert used <= labels | OF_SCRAPES, rule["alert"]


def test_every_alert_has_a_line_of_what_to_do() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    for rule in ALERTS:
        assert f"| `{rule['alert']}` |" in page


def test_the_dashboard_can_be_imported() -> None:
    assert DASHBOARD["uid"] == "batch-worker"
    assert [item["name"] for item in DASHBOARD["templating"]["list"]] == ["datasource", "instance"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & places, panel["title"]
        places |= cells
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
