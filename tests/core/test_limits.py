"""The bucket: bursts up to its size, then as many as its rate, never more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.limits import PERIOD_S, take

LIMITS = st.integers(1, 10_000)
GAPS = st.lists(st.floats(0, 120, allow_nan=False), min_size=1, max_size=200)


def test_a_full_bucket_gives_a_burst_of_its_size() -> None:
    full_at, seen = 0.0, []
    for _ in range(600):
        taken = take(full_at, 1_000.0, 600)
        full_at = taken.full_at
        seen.append((taken.allowed, taken.remaining))
    assert seen == [(True, 599 - n) for n in range(600)]
    refused = take(full_at, 1_000.0, 600)
    assert (refused.allowed, refused.remaining, refused.reset_s, refused.retry_s) == (False, 0, 60, 1)
    assert refused.full_at == full_at


def test_the_first_call_is_told_as_replicate_tells_it() -> None:
    taken = take(0.0, 5.0, 600)
    assert (taken.limit, taken.remaining, taken.reset_s) == (600, 599, 1)


def test_a_refused_call_comes_through_once_it_waited_as_it_was_told() -> None:
    full_at = 0.0
    for _ in range(6):
        full_at = take(full_at, 100.0, 6).full_at
    refused = take(full_at, 100.0, 6)
    assert refused.retry_s == 10
    assert not take(full_at, 109.0, 6).allowed
    assert take(full_at, 110.0, 6).allowed


@given(LIMITS, GAPS)
def test_no_stretch_of_time_sees_more_than_a_burst_and_the_rate(limit: int, gaps: list[float]) -> None:
    full_at, now, allowed = 0.0, 50.0, 0
    began = now
    for gap in gaps:
        now += gap
        taken = take(full_at, now, limit)
        full_at, allowed = taken.full_at, allowed + taken.allowed
        assert 0 <= taken.remaining < limit
        assert 0 <= taken.reset_s <= PERIOD_S + 1
    assert allowed <= limit * (1 + (now - began) / PERIOD_S) + 1e-3


@given(LIMITS, GAPS)
def test_what_is_told_is_true(limit: int, gaps: list[float]) -> None:
    full_at, now = 0.0, 50.0
    for gap in gaps:
        now += gap
        taken = take(full_at, now, limit)
        full_at = taken.full_at
        later = now + (0 if taken.remaining else taken.retry_s or PERIOD_S / limit + 1e-3)
        assert take(full_at, later, limit).allowed
        if taken.allowed:
            assert take(full_at, now + taken.reset_s, limit).remaining == limit - 1


@given(LIMITS)
def test_who_keeps_to_the_rate_is_never_refused(limit: int) -> None:
    full_at, now = 0.0, 7.0
    for _ in range(min(3 * limit, 500)):
        taken = take(full_at, now, limit)
        assert taken.allowed
        full_at, now = taken.full_at, now + PERIOD_S / limit
