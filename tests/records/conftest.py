"""A ledger on disk, fresh for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainspring.database.sqlite import SqliteDatabase


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """An empty ledger."""
    opened = SqliteDatabase(tmp_path / "ledger.db")
    yield opened
    await opened.close()
