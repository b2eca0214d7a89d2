"""The socket for facts: transactions that are lists of statements, and reads.

SQL is written once for every database, with `:name` parameters, `RETURNING` and text JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mainspring.core.histogram import Histogram

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
    """Holds every durable fact.

    commits: seconds that each group of transactions took to commit; committed: transactions; uncommitted: groups that
    failed.
    """

    commits: Histogram
    committed: int
    uncommitted: int

    async def write(self, *statements: Statement) -> Sequence[Sequence[Row]]:
        """Run the statements as one transaction and return each one's rows once it is committed.

        Raises sqlite3.Error, and then nothing was done; also when another process holds the ledger for too long.
        """

    async def fetch(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        """Read rows from committed state."""

    async def fetch_together(self, *queries: Statement) -> Sequence[Sequence[Row]]:
        """Read each query's rows from one and the same committed state."""

    async def fetch_one(self, sql: str, params: Params) -> Row | None:
        """Read one row of committed state by its key."""

    async def check(self) -> None:
        """Write a row and read it back, apart from all other work. Raises what stands in the way."""

    def size(self) -> int:
        """Bytes that it takes on the disk."""

    async def close(self) -> None:
        """Commit what was handed in, then close."""
