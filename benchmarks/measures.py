"""What a figure is: medians with their spread, and the target that they are held against."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several rounds, and the extremes."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """values: one for each round, at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Target:
    """At most, or at least, `value`."""

    sign: str
    value: float

    def met(self, value: float) -> bool:
        """Whether value is good enough."""
        return value <= self.value if self.sign == "<=" else value >= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the report. score is what the target speaks of: a difference, a ratio or the measured value."""

    name: str
    unit: str
    measured: Spread
    score: Spread
    score_unit: str
    bare: Spread | None = None
    target: Target | None = None
    met: bool | None = field(init=False)

    def __post_init__(self) -> None:
        met = self.target.met(self.score.median) if self.target else None
        object.__setattr__(self, "met", met)


def p50(values: Sequence[float]) -> float:
    """The median of one round."""
    return statistics.median(values)


def added(
    name: str, measured: Sequence[float], bare: Sequence[float], target: Target | None, unit: str = "ms"
) -> Line:
    """How much more the platform takes than bare coglet, round by round."""
    differences = [m - b for m, b in zip(measured, bare, strict=True)]
    return Line(
        name=name,
        unit=unit,
        measured=Spread.of(measured),
        bare=Spread.of(bare),
        score=Spread.of(differences),
        score_unit=unit,
        target=target,
    )


def ratio(
    name: str, measured: Sequence[float], bare: Sequence[float], target: Target | None, unit: str
) -> Line:
    """How many times what it is compared with, round by round."""
    return Line(
        name=name,
        unit=unit,
        measured=Spread.of(measured),
        bare=Spread.of(bare),
        score=Spread.of([m / b for m, b in zip(measured, bare, strict=True)]),
        score_unit="x",
        target=target,
    )


def absolute(
    name: str, measured: Sequence[float], target: Target | None, unit: str, bare: Sequence[float] = ()
) -> Line:
    """A value that is held against the target as it is."""
    spread = Spread.of(measured)
    return Line(
        name=name,
        unit=unit,
        measured=spread,
        bare=Spread.of(bare) if bare else None,
        score=spread,
        score_unit=unit,
        target=target,
    )
