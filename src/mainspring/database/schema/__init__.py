"""The schema of the ledger: numbered steps, each applied once and never edited afterwards."""

from __future__ import annotations

import sqlite3
from importlib.resources import files

from mainspring.core.errors import MainspringError


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a ledger up to date, one transaction for each step. Raises MainspringError for one from the future."""
    (at,) = connection.execute("PRAGMA user_version").fetchone()
    steps = _steps()
    if at > max(steps):
        raise MainspringError(
            f"The ledger was written by a newer release (step {at}, this one knows {max(steps)}). Upgrade Mainspring."
        )
    for number in sorted(steps):
        if number > at:
            _apply(connection, number, steps[number])


def _apply(connection: sqlite3.Connection, number: int, step: str) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _steps() -> dict[int, str]:
    here = files("mainspring.database.schema").iterdir()
    return {int(f.name[:3]): f.read_text() for f in here if f.name.endswith(".sql")}
