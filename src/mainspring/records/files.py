"""Uploaded files: what is known of them. Their bytes are in the object store under `File.key`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec

from mainspring.core.errors import Conflict
from mainspring.core.ids import rfc3339
from mainspring.database import Database, Row, Statement
from mainspring.records.pages import Cursor, Keyset, Page, read_page


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file. size in bytes, hashes in hex, times RFC 3339."""

    id: str
    account: str
    name: str
    content_type: str
    size: int
    sha256: str
    md5: str
    metadata: Mapping[str, Any]
    created_at: str
    expires_at: str

    @property
    def key(self) -> str:
        """Where the object store has the bytes."""
        return f"files/{self.id}"


_COLUMNS = tuple(f.name for f in fields(File))
_ALL = ", ".join(_COLUMNS)

CREATE = f"INSERT INTO files ({_ALL}) VALUES ({', '.join(':' + c for c in _COLUMNS)})"
GET = f"SELECT {_ALL} FROM files WHERE id = :id"
LIST = Keyset.of(_ALL, "FROM files WHERE account = :account AND expires_at > :now", at="created_at", key="id")
DELETE = "DELETE FROM files WHERE id = :id AND account = :account RETURNING id"
EXPIRED = f"SELECT {_ALL} FROM files WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit"


class Files:
    """The files of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, file: File, also: Sequence[Statement] = ()) -> None:
        """Note a file whose bytes are stored. also: guarded statements of the same transaction.

        Raises Conflict when they did not allow it.
        """
        row = {c: getattr(file, c) for c in _COLUMNS}
        row["metadata"] = msgspec.json.encode(file.metadata).decode()
        results = await self._database.write(*also, Statement(CREATE, row))
        if also and not results[0]:
            raise Conflict

    async def get(self, file_id: str) -> File | None:
        """The file, whoever owns it and even when it has expired but is not swept yet."""
        rows = await self._database.fetch(GET, {"id": file_id})
        return _file(rows[0]) if rows else None

    async def list(self, account: str, cursor: Cursor | None, limit: int, now: datetime) -> Page[File]:
        """The account's files that have not expired, newest first."""
        given = {"account": account, "now": rfc3339(now)}
        return await read_page(self._database, LIST, given, _file, cursor, limit)

    async def delete(self, file_id: str, account: str) -> bool:
        """Forget a file; False when the account has none of this id."""
        given = {"id": file_id, "account": account}
        (rows,) = await self._database.write(Statement(DELETE, given, guard=True))
        return bool(rows)

    async def expired(self, now: datetime, limit: int = 100) -> tuple[File, ...]:
        """Files whose time is over, longest overdue first."""
        rows = await self._database.fetch(EXPIRED, {"now": rfc3339(now), "limit": limit})
        return tuple(_file(row) for row in rows)


def _file(row: Row) -> File:
    given = {c: row[c] for c in _COLUMNS}
    return File(**{**given, "metadata": msgspec.json.decode(given["metadata"])})
