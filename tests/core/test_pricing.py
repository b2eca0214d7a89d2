"""Money in whole numbers, here and in SQL."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.hardware import DEFAULT
from mainspring.core.prediction import Status
from mainspring.core.pricing import (
    PAID,
    Part,
    Rule,
    amount,
    amount_sql,
    billed_sql,
    billed_us,
    micro_dollars,
    nano_dollars,
    tell_dollars,
)

DAY_US = 86_400 * 1_000_000


@pytest.mark.parametrize(
    ("micro", "told"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (1_500, "0.0015"),
        (5_000_000, "5.00"),
        (12_345_678, "12.345678"),
        (-10_000, "-0.01"),
    ],
)
def test_dollars_are_told_in_full(micro: int, told: str) -> None:
    assert tell_dollars(micro) == told
    assert micro_dollars(Decimal(told)) == micro


def test_an_hour_of_each_hardware_costs_what_its_price_says() -> None:
    for hardware in DEFAULT:
        price = nano_dollars(hardware.list_price)
        assert amount(3_600_000_000, price) == micro_dollars(hardware.list_price * 3600)


@given(st.integers(0, 90 * DAY_US), st.integers(0, 1_000_000_000))
def test_sql_counts_as_we_do(billed: int, price: int) -> None:
    exact = Decimal(billed) * price / 1_000_000 / 1000
    assert abs(amount(billed, price) - exact) <= Decimal("0.501")
    with sqlite3.connect(":memory:") as database:
        row = database.execute(
            f"SELECT {amount_sql(':billed', ':price')}", {"billed": billed, "price": price}
        )
        found = row.fetchone()[0]
    database.close()
    assert (found, type(found)) == (amount(billed, price), int)


def test_every_end_has_a_rule_and_sql_says_the_same() -> None:
    ends = {status for status in Status if status.terminal}
    spans = {Part.SETUP: 1, Part.IDLE: 10, Part.ACTIVE: 100}
    database = sqlite3.connect(":memory:")
    for rule in Rule:
        assert set(PAID[rule]) == ends
        for status in ends:
            sql = f"SELECT {billed_sql(rule, ':s')} FROM (SELECT 1 AS setup_us, 10 AS idle_us, 100 AS active_us)"
            (told,) = database.execute(sql, {"s": status}).fetchone()
            assert told == billed_us(rule, status, spans)
    database.close()


def test_who_pays_for_what() -> None:
    spans = {Part.SETUP: 1, Part.IDLE: 10, Part.ACTIVE: 100}
    paid = {(rule, status): billed_us(rule, status, spans) for rule in Rule for status in PAID[rule]}
    assert paid == {
        (Rule.SHARED, Status.SUCCEEDED): 100,
        (Rule.SHARED, Status.CANCELED): 100,
        (Rule.SHARED, Status.FAILED): 0,
        (Rule.SHARED, Status.ABORTED): 0,
        (Rule.DEDICATED, Status.SUCCEEDED): 111,
        (Rule.DEDICATED, Status.CANCELED): 111,
        (Rule.DEDICATED, Status.FAILED): 111,
        (Rule.DEDICATED, Status.ABORTED): 0,
    }
