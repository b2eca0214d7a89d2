"""How long a waiting prediction will still wait."""

from __future__ import annotations

import pytest

from mainspring.core.estimate import Line, estimate_s


@pytest.mark.parametrize(
    ("ahead", "slots", "ready", "booted_for_s", "boot_s", "run_s", "expected"),
    [
        (0, 1, 1, None, None, 4.0, 4.0),
        (3, 1, 1, None, None, 4.0, 16.0),
        (3, 4, 2, None, None, 4.0, 2.0),
        (3, 1, 1, None, 20.0, None, None),
        (0, 1, 0, None, 20.0, None, 20.0),
        (0, 1, 0, 5.0, 20.0, None, 15.0),
        (0, 1, 0, 50.0, 20.0, None, 0.0),
        (3, 4, 0, 5.0, 20.0, None, 15.0),
        (4, 4, 0, 5.0, 20.0, None, None),
        (4, 4, 0, 5.0, 20.0, 3.0, 18.0),
        (0, 1, 0, 5.0, None, 3.0, None),
    ],
)
def test_estimates(
    ahead: int,
    slots: int,
    ready: int,
    booted_for_s: float | None,
    boot_s: float | None,
    run_s: float | None,
    expected: float | None,
) -> None:
    line = Line(ahead=ahead, slots=slots, ready=ready, booted_for_s=booted_for_s, boot_s=boot_s, run_s=run_s)
    assert estimate_s(line) == expected
