"""Every operation of the document, tried by schemathesis with what fits it and with what does not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from mainspring.settings import Settings
from tests.api.samples import PREDICTION, furnish
from tests.api.served import Served, serve

EXAMPLES = 12
THERE = {
    "owner": "ada",
    "name": "hello",
    "version_id": "a" * 64,
    "prediction_id": PREDICTION,
    "collection_slug": "greetings",
}
CONFIG = {
    "seed": 7,
    "suppress-health-check": ["all"],
    "phases": {"stateful": {"enabled": False}},
    "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
    # A form has no null: what stands for it is a text like any other.
    "operations": [
        {"include-operation-id": "files.create", "checks": {"negative_data_rejection": {"enabled": False}}}
    ],
    "checks": {"positive_data_acceptance": {"enabled": False}},
}


@pytest.mark.timeout(900)
def test_nothing_breaks_and_everything_is_as_described(tmp_path: Path) -> None:
    with serve(
        tmp_path, Settings(data=tmp_path, account="ada", create_limit=0, call_limit=0), furnish
    ) as served:
        tried, fine, faults = _try_all(served)
        operations = sum(len(entries) for entries in _document(served)["paths"].values())
    print(
        f"schemathesis: {sum(tried.values())} requests, {len(faults)} failures",
        *faults,
        *served.faults,
        sep="\n\n",
    )
    assert [*faults, *served.faults] == []
    assert len(tried) == operations
    assert len(fine) > 0.6 * len(tried), sorted(tried.keys() - fine)


@schemathesis.serializer("application/gzip")
def _bytes(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _try_all(served: Served) -> tuple[Counter[str], set[str], list[str]]:
    """(requests by operation, operations that did what they are for, what went wrong)."""
    config = SchemathesisConfig.from_dict(
        {
            **CONFIG,
            "base-url": f"{served.url}/v1",
            "headers": {"Authorization": f"Bearer {served.tokens['ada']}"},
        }
    )
    schema = schemathesis.openapi.from_dict(_document(served), config=config)
    tried: Counter[str] = Counter()
    fine: set[str] = set()
    faults: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            tried[str(event.label)] += len(event.recorder.interactions)
            fine |= {str(event.label) for one in event.recorder.interactions.values() if _is_fine(one)}
            faults += _faults(event.recorder)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            faults.append(str(event))
    return tried, fine, faults


def _is_fine(interaction: Any) -> bool:
    return interaction.response is not None and interaction.response.status_code < 400


def _document(served: Served) -> dict[str, Any]:
    """The document that is served, in the words of 3.2, which knows the method QUERY; paths may lead somewhere."""
    found: dict[str, Any] = httpx.get(f"{served.url}/openapi.json").json()
    for entries in found["paths"].values():
        if "x-query" in entries:
            entries["query"] = entries.pop("x-query")
        for entry in entries.values():
            # Nothing runs here: who waits for a prediction waits in vain.
            given = [one for one in entry.get("parameters", ()) if one["name"] != "Prefer"]
            entry["parameters"] = given
            for one in given:
                if one["name"] in THERE:
                    one["schema"] = {"anyOf": [{"const": THERE[one["name"]]}, one["schema"]]}
    return found | {"openapi": "3.2.0", "servers": [{"url": f"{served.url}/v1"}]}


def _faults(recorder: Any) -> list[str]:
    found = []
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                sent = recorder.cases[case_id].value.as_curl_command()
                found.append(f"{check.name}: {check.failure_info.failure}\n{sent}")
    return found
