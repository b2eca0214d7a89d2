"""The socket for facts: transactions that are lists of statements, and reads.

SQL is written once for every database, with `:name` parameters, `RETURNING` and text JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Params = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a transaction.

    guard: when it returns no row, the transaction is undone and every statement's rows come back empty.
    A guarded statement must have a RETURNING clause.
    """

    sql: str
    params: Params
    guard: bool = False


class Database(Protocol):
    """Holds every durable fact."""

    async def write(self, *statements: Statement) -> Sequence[Sequence[Row]]:
        """Run the statements as one transaction and return each one's rows once it is committed."""

    async def fetch(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        """Read rows from committed state."""

    async def fetch_together(self, *queries: Statement) -> Sequence[Sequence[Row]]:
        """Read each query's rows from one and the same committed state."""

    async def fetch_one(self, sql: str, params: Params) -> Row | None:
        """Read one row of committed state by its key."""

    async def close(self) -> None:
        """Commit what was handed in, then close."""
