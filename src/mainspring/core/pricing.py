"""What is paid for, and how much it is: whole microseconds, whole micro-dollars, no floats.

A run is paid for by one of two rules. Where instances serve everybody, as those of public models do, it pays its own
time; a training does too. Where they serve one account alone, as those of private models and deployments do, all
of their time is paid for: each run that ends pays what was not paid yet, and the account pays the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from mainspring.core.prediction import Status

MICRO = 1_000_000
NANO = 1_000_000_000


class Part(StrEnum):
    """What an instance's time goes into. active: a prediction runs."""

    SETUP = "setup"
    IDLE = "idle"
    ACTIVE = "active"


class Rule(StrEnum):
    """Whom the instance of a run serves: everybody, or one account alone."""

    SHARED = "shared"
    DEDICATED = "dedicated"


_ALL = frozenset(Part)
_RUN = frozenset({Part.ACTIVE})
_NOTHING: frozenset[Part] = frozenset()

# What a run pays for, by how it ended. One whose instance was lost, or that never had one, has no parts to pay for.
PAID: Mapping[Rule, Mapping[Status, frozenset[Part]]] = {
    Rule.SHARED: {
        Status.SUCCEEDED: _RUN,
        Status.CANCELED: _RUN,
        Status.FAILED: _NOTHING,
        Status.ABORTED: _NOTHING,
    },
    Rule.DEDICATED: {
        Status.SUCCEEDED: _ALL,
        Status.CANCELED: _ALL,
        Status.FAILED: _ALL,
        Status.ABORTED: _NOTHING,
    },
}

# What is left of a dedicated instance's time pays these, if it ever became ready. Time of lost runs is nobody's.
PAID_BY_REST = frozenset({Part.SETUP, Part.IDLE})


def nano_dollars(price: Decimal) -> int:
    """Dollars as whole nano-dollars, rounded half up."""
    return int((price * NANO).to_integral_value(ROUND_HALF_UP))


def micro_dollars(dollars: Decimal) -> int:
    """Dollars as whole micro-dollars, rounded half up."""
    return int((dollars * MICRO).to_integral_value(ROUND_HALF_UP))


def tell_dollars(micro: int) -> str:
    """Micro-dollars as decimal dollars: "0.0015", "5.00"; at least two digits behind the point."""
    sign, whole, part = "-" if micro < 0 else "", *divmod(abs(micro), MICRO)
    digits = f"{part:06}".rstrip("0")
    return f"{sign}{whole}.{digits:0<2}"


def amount(billed_us: int, price: int) -> int:
    """Micro-dollars for a span in microseconds, at a price in nano-dollars for a second; rounded half up.

    In seconds and the rest of one, because a database counts to 2^63.
    """
    seconds, rest = divmod(billed_us, MICRO)
    return (seconds * price + rest * price // MICRO + 500) // 1000


def amount_sql(billed_us: str, price: str) -> str:
    """The same for SQL expressions."""
    seconds, rest = f"({billed_us} / {MICRO}) * {price}", f"({billed_us} % {MICRO}) * {price} / {MICRO}"
    return f"(({seconds} + {rest} + 500) / 1000)"


def billed_us(rule: Rule, status: Status, spans: Mapping[Part, int]) -> int:
    """How much of the spans a run pays for."""
    return sum(spans.get(part, 0) for part in PAID[rule][status])


def billed_sql(rule: Rule, status: str) -> str:
    """The same for columns named setup_us, idle_us and active_us."""
    cases = [
        f"WHEN '{end}' THEN {' + '.join(f'{part}_us' for part in Part if part in parts) or '0'}"
        for end, parts in PAID[rule].items()
    ]
    return f"CASE {status} {' '.join(cases)} END"
