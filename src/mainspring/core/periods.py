"""The periods of spending limits: a month or a day of the calendar, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

PERIODS = {"month": "monthly", "day": "daily"}


def began(period: str, now: datetime) -> str:
    """The first day of the period that `now` is in, as YYYY-MM-DD."""
    return _start(period, now).strftime("%Y-%m-%d")


def resets(period: str, now: datetime) -> datetime:
    """When the next one begins."""
    start = _start(period, now)
    return start + timedelta(days=1) if period == "day" else (start + timedelta(days=32)).replace(day=1)


def _start(period: str, now: datetime) -> datetime:
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if period == "day" else day.replace(day=1)
