"""Durations and retention, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.durations import (
    keep_s,
    parse_duration,
    parse_retention,
    tell_duration,
    tell_retention,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("5m", 300), ("1h30m45s", 5445), ("90d", 7_776_000), (" 3600 ", 3600), ("1d1s", 86_401)],
)
def test_what_is_a_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "1w", "-5s", "1.5h", "5s1h", "9" * 5000, "\u0665s", "1 h"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


@given(st.integers(0, 10**9))
def test_what_is_told_is_read_again(seconds: int) -> None:
    assert parse_duration(tell_duration(seconds)) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("off", 0), ("OFF", 0), ("24h", 86_400), (None, None)])
def test_retention(text: str | None, seconds: int | None) -> None:
    assert parse_retention(text) == seconds
    assert parse_retention(tell_retention(seconds)) == seconds


@pytest.mark.parametrize("text", ["0", "0s", "never", "40000d"])
def test_what_is_no_retention(text: str) -> None:
    with pytest.raises(ValueError, match=r"kept|no duration"):
        parse_retention(text)


@pytest.mark.parametrize(
    ("own", "model", "account", "kept"),
    [
        (True, None, None, 3600),
        (True, 60, None, 60),
        (True, 60, 120, 60),
        (True, None, 120, 120),
        (True, 0, 120, None),
        (True, None, 0, None),
        (False, 60, 120, 120),
        (False, 0, 120, 120),
        (False, 60, None, 60),
        (False, 60, 0, None),
    ],
)
def test_whose_choice_counts(own: bool, model: int | None, account: int | None, kept: int | None) -> None:
    assert keep_s(own=own, model=model, account=account, default=3600.0) == kept
    assert keep_s(own=own, model=None, account=None, default=0.0) is None
