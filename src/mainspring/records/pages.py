"""Lists in pages by a position in an order, so that page 1,000 costs what page 1 does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mainspring.core.errors import InvalidRequest
from mainspring.database import Database, Params, Row

T = TypeVar("T")
Cursor = tuple[str, str]
_LAST = "9999"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, and the cursors ("n=…" or "p=…") of the pages around them."""

    items: tuple[T, ...]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class Keyset:
    """A SELECT ordered by a time (text) and a unique key; `sql` ends in a WHERE clause that goes on."""

    older: str
    newer: str

    @classmethod
    def of(cls, columns: str, sql: str, at: str, key: str) -> Keyset:
        """Both directions of `SELECT {columns} {sql}`."""
        select = f"SELECT {columns}, {at} AS page_at, {key} AS page_key {sql} AND ({at}, {key})"
        return cls(
            older=f"{select} < (:page_at, :page_key) ORDER BY page_at DESC, page_key DESC LIMIT :page_size",
            newer=f"{select} > (:page_at, :page_key) ORDER BY page_at, page_key LIMIT :page_size",
        )


async def read_page(
    database: Database,
    keyset: Keyset,
    params: Params,
    build: Callable[[Row], T],
    cursor: Cursor | None,
    limit: int,
    *,
    oldest_first: bool = False,
) -> Page[T]:
    """One page of at most limit items. Raises InvalidRequest for a cursor that is not ours."""
    direction, position = cursor or ("n", "")
    down = (direction == "n") != oldest_first
    at, key = _position(position) if cursor else (_LAST if down else "", "")
    given = {**params, "page_at": at, "page_key": key, "page_size": limit + 1}
    rows = list(await database.fetch(keyset.older if down else keyset.newer, given))
    more, rows = len(rows) > limit, rows[:limit]
    forward = direction == "n"
    if not forward:
        rows.reverse()
    if not rows:
        return Page((), None, None)
    return Page(
        tuple(build(row) for row in rows),
        next=_cursor("n", rows[-1]) if more or not forward else None,
        previous=_cursor("p", rows[0]) if cursor and (more or forward) else None,
    )


def _position(position: str) -> tuple[str, str]:
    at, separator, key = position.partition(" ")
    if not separator:
        raise InvalidRequest("Invalid cursor")
    return at, key


def _cursor(direction: str, row: Row) -> str:
    return f"{direction}={row['page_at']} {row['page_key']}"
