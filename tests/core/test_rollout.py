"""When a release takes over: a table."""

from __future__ import annotations

from typing import Any

import pytest

from mainspring.core.rollout import NO_ROOM, Boot, Step, advance

START: dict[str, Any] = {"wanted": 2, "ready": 0, "booting": 0, "fault": None, "age_s": 1, "patience_s": 600}


@pytest.mark.parametrize(
    ("given", "step"),
    [
        pytest.param({}, Step(), id="nothing yet"),
        pytest.param({"booting": 2, "age_s": 599}, Step(), id="booting"),
        pytest.param({"booting": 2, "age_s": 9999}, Step(), id="a boot has a limit of its own"),
        pytest.param({"ready": 1, "booting": 1}, Step(), id="one is not enough while another boots"),
        pytest.param({"ready": 2}, Step(take_over=True), id="as many as wanted"),
        pytest.param({"ready": 1}, Step(take_over=True), id="as many as there is room for"),
        pytest.param({"ready": 1, "wanted": 0}, Step(take_over=True), id="never with none"),
        pytest.param({"wanted": 0}, Step(), id="not with none"),
        pytest.param({"fault": "no weights"}, Step(error="no weights"), id="setup failed"),
        pytest.param({"fault": "x", "ready": 1, "booting": 1}, Step(error="x"), id="one of them failed"),
        pytest.param({"fault": "x", "ready": 2}, Step(take_over=True), id="enough are ready all the same"),
        pytest.param({"age_s": 601}, Step(error=NO_ROOM), id="no room for long"),
    ],
)
def test_steps(given: dict[str, Any], step: Step) -> None:
    assert advance(Boot(**{**START, **given})) == step
