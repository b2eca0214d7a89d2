"""Ids that stand for versions: those of Replicate, so that programs written for it run, and an operator's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from mainspring.core.errors import Conflict
from mainspring.database import Database, Row, Statement
from mainspring.records.recent import Recent


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """id stands for a version of model (owner/name), for its latest one without version.

    listed: the model's entry in the catalogue has it. created_at: RFC 3339.
    """

    id: str
    model: str
    version: str | None = None
    listed: bool = False
    created_at: str


_COLUMNS = tuple(f.name for f in fields(Alias))
_ALL = ", ".join(_COLUMNS)
GET = f"SELECT {_ALL} FROM aliases WHERE id = :id"
LIST = f"SELECT {_ALL} FROM aliases ORDER BY model, id"
OF_MODEL = f"SELECT {_ALL} FROM aliases WHERE model = :model ORDER BY id"
SET = f"""
    INSERT INTO aliases ({_ALL}) SELECT {", ".join(":" + c for c in _COLUMNS)}
    WHERE NOT EXISTS (SELECT 1 FROM versions WHERE id = :id)
    ON CONFLICT (id) DO UPDATE SET model = :model, version = :version, listed = :listed RETURNING id"""
LISTED = f"""
    INSERT INTO aliases ({_ALL}) SELECT {", ".join(":" + c for c in _COLUMNS)} WHERE true
    ON CONFLICT (id) DO NOTHING"""
REMOVE = "DELETE FROM aliases WHERE id = :id RETURNING id"
REMOVE_LISTED = "DELETE FROM aliases WHERE model = :model AND listed = 1"
REMOVE_ALL = "DELETE FROM aliases WHERE model = :model"


class Aliases:
    """The aliases of the ledger."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent(size=256)

    async def get(self, alias: str) -> Alias | None:
        """What an id stands for, if it is an alias."""

        async def read() -> Alias | None:
            rows = await self._database.fetch(GET, {"id": alias})
            return _alias(rows[0]) if rows else None

        return await self._recent.ask(alias, read)

    async def list(self, model: str | None = None) -> list[Alias]:
        """All, or those of a model."""
        rows = await self._database.fetch(OF_MODEL if model else LIST, {"model": model} if model else {})
        return [_alias(row) for row in rows]

    async def set(self, alias: Alias) -> None:
        """Make or change one. Raises Conflict for the id of a real version."""
        (rows,) = await self._database.write(Statement(SET, _row(alias)))
        self._recent.forget()
        if not rows:
            raise Conflict(f"{alias.id} is a version of a model here; it can't stand for another.")

    async def list_for(self, model: str, ids: Iterable[str], now: str) -> None:
        """Let the ids of a catalogue entry stand for the model's latest version; an operator's choice stays."""
        rows = [_row(Alias(id=i, model=model, listed=True, created_at=now)) for i in ids]
        gone = Statement(REMOVE_LISTED, {"model": model})
        await self._database.write(gone, *(Statement(LISTED, row) for row in rows))
        self._recent.forget()

    async def remove(self, alias: str) -> bool:
        """Forget one; False when there was none."""
        (rows,) = await self._database.write(Statement(REMOVE, {"id": alias}))
        self._recent.forget()
        return bool(rows)

    async def remove_all(self, model: str) -> None:
        """Forget those of a model."""
        await self._database.write(Statement(REMOVE_ALL, {"model": model}))
        self._recent.forget()


def _row(alias: Alias) -> dict[str, object]:
    return {c: getattr(alias, c) for c in _COLUMNS} | {"listed": int(alias.listed)}


def _alias(row: Row) -> Alias:
    return Alias(**{**{c: row[c] for c in _COLUMNS}, "listed": bool(row["listed"])})
