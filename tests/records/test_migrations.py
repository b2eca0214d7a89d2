"""A ledger of an older release is brought up to date; one of a newer release is left alone."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest

from mainspring.core.errors import MainspringError
from mainspring.database.schema import migrate


def test_the_first_ledger_becomes_what_a_new_one_is(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old", isolation_level=None)
    old.executescript(files("mainspring.database.schema").joinpath("001_first.sql").read_text())
    old.execute("INSERT INTO accounts VALUES ('acme', 'user', 'Acme', '2026-01-01T00:00:00Z')")
    new = sqlite3.connect(tmp_path / "new", isolation_level=None)
    for ledger in (old, new):
        migrate(ledger)
    assert _schema(old) == _schema(new)
    assert old.execute("SELECT username FROM accounts").fetchall() == [("acme",)]


def test_steps_are_numbered_without_gap_or_twin() -> None:
    names = [f.name for f in files("mainspring.database.schema").iterdir() if f.name.endswith(".sql")]
    assert sorted(int(name[:3]) for name in names) == list(range(1, len(names) + 1))


def test_a_ledger_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    ledger = sqlite3.connect(tmp_path / "ledger", isolation_level=None)
    migrate(ledger)
    ledger.execute("PRAGMA user_version = 999")
    with pytest.raises(MainspringError, match="newer release"):
        migrate(ledger)


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = sqlite3.connect(tmp_path / "ledger", isolation_level=None)
    monkeypatch.setattr(
        "mainspring.database.schema._steps", lambda: {1: "CREATE TABLE one (a); CREATE TABLE one (a)"}
    )
    with pytest.raises(sqlite3.Error):
        migrate(ledger)
    assert _schema(ledger) == []


def _schema(ledger: sqlite3.Connection) -> list[tuple[str, ...]]:
    return ledger.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
