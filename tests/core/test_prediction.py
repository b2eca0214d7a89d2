"""The table of transitions, and what is generated from it."""

from __future__ import annotations

import pytest

from mainspring.core.prediction import TRANSITIONS, Status, guard


def test_terminal_is_terminal() -> None:
    assert {s for s in Status if s.terminal} == {
        Status.SUCCEEDED,
        Status.FAILED,
        Status.CANCELED,
        Status.ABORTED,
    }
    assert set(TRANSITIONS) == set(Status)


def test_guards_follow_the_table() -> None:
    assert guard(Status.SUCCEEDED) == "status IN ('starting', 'processing')"
    assert guard(Status.CANCELED) == "status IN ('starting', 'processing')"
    assert guard(Status.FAILED, Status.STARTING) == "status IN ('starting')"
    with pytest.raises(ValueError, match="nothing becomes aborted from processing"):
        guard(Status.ABORTED, Status.PROCESSING)
