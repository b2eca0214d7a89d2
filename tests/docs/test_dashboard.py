"""The dashboard is one that Grafana takes, and asks Prometheus for what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from mainspring.api.families import FAMILIES
from tests.docs.pages import ROOT

DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "grafana" / "mainspring.json").read_text())
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
LABELS = {name: {*family.labels, "le"} for family in FAMILIES for name in family.exposed}
# Said by a label alone, nothing to draw.
NOT_DRAWN = {"mainspring_build_info"}


def expressions() -> list[str]:
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return [one.replace("$__rate_interval", "5m").replace("$model", ".*") for one in found]


def selectors(expression: Any) -> Iterator[Any]:
    """Every place where an expression names a metric."""
    if isinstance(expression, promql.VectorSelector):
        yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        inner = getattr(expression, name, None)
        if inner is not None:
            yield from selectors(inner)
    for argument in getattr(expression, "args", None) or ():
        yield from selectors(argument)


def test_grafana_s_own_model_of_a_dashboard_keeps_all_of_it() -> None:
    kept = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    assert _lost(DASHBOARD, kept) == []
    boxes = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(box["x"] + box["w"] <= 24 for box in boxes)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_every_expression_asks_for_metrics_and_labels_that_there_are() -> None:
    asked = set()
    for text in expressions():
        expression = promql.parse(text)
        found = list(selectors(expression))
        assert found, text
        for selector in found:
            assert selector.name in LABELS.keys() | PROCESS, text
            asked.add(selector.name)
            known = LABELS.get(selector.name, set())
            assert {matcher.name for matcher in selector.matchers.matchers} <= known, text
        grouped = {label for by in re.findall(r"by \(([^)]*)\)", text) for label in by.split(", ")}
        assert grouped <= set().union(*(LABELS.get(one.name, set()) for one in found)), text
    drawn = {family.name for family in FAMILIES if asked & set(family.exposed)}
    assert {family.name for family in FAMILIES} - drawn == NOT_DRAWN


def test_what_is_documented_to_be_woken_by_can_be_asked() -> None:
    page = (ROOT / "docs" / "howto" / "observe.md").read_text()
    table = page.partition("| when | expression |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| [^|]+ \| `([^`]+)` \|$", table, re.MULTILINE)
    assert len(rows) >= 6
    for row in rows:
        assert all(one.name in LABELS for one in selectors(promql.parse(row))), row


def _lost(given: Any, kept: Any, path: str = "") -> list[str]:
    """Paths of what is not in what was kept, or is other than it was; an empty id is for Grafana to fill."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            fault
            for key, value in given.items()
            if value is not None
            for fault in (_lost(value, kept[key], f"{path}/{key}") if key in kept else [f"{path}/{key}"])
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [
            fault
            for index, pair in enumerate(zip(given, kept, strict=True))
            for fault in _lost(*pair, f"{path}/{index}")
        ]
    return [] if given == kept else [path]
