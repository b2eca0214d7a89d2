"""When a release takes over from the one before it, and when it is given up: a pure decision."""

from __future__ import annotations

from dataclasses import dataclass

NO_ROOM = "There was no room on this machine for an instance of the release beside those that serve."


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """A release on its way at one moment.

    wanted: how many of its instances are to be ready first. fault: why one of them failed to get ready, if one did.
    age_s: how long ago it was asked for; patience_s: how long it may wait for room.
    """

    wanted: int
    ready: int
    booting: int
    fault: str | None
    age_s: float
    patience_s: float


@dataclass(frozen=True, slots=True)
class Step:
    """Take over, or roll back because of an error; neither is to wait."""

    take_over: bool = False
    error: str | None = None


def advance(boot: Boot) -> Step:
    """Take over with what is wanted, or with what there is room for; give up at the first failed setup."""
    if boot.ready >= max(1, boot.wanted):
        return Step(take_over=True)
    if boot.fault is not None:
        return Step(error=boot.fault)
    if boot.ready and not boot.booting:
        return Step(take_over=True)
    if not boot.ready and not boot.booting and boot.age_s > boot.patience_s:
        return Step(error=NO_ROOM)
    return Step()
