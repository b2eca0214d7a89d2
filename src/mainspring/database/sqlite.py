"""SQLite: one connection writes and commits in groups, others read; WAL lets both go on at once.

A commit that need not reach the disk takes some 30 µs, less than handing it to a thread and back: such groups, all
that came in one turn of the event loop, are committed in the loop itself. Durable commits wait for the disk and
have a thread of their own.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mainspring.database import Params, Row, Statement
from mainspring.database.schema import migrate

_GROUP = 256
_CHECKPOINT_EVERY = 2_000
Results = Sequence[Sequence[Row]]


@dataclass(slots=True)
class _Transaction:
    statements: tuple[Statement, ...]
    done: asyncio.Future[Results]
    results: Results = ()
    error: Exception | None = None


class SqliteDatabase:
    """A Database in one file. Opened in the running event loop, which gets the results."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._path = path
        self._durable = durable
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[_Transaction | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._turn: list[_Transaction] = []
        self._written = 0
        self._writer = self._connect()
        self._here = self._connect()
        migrate(self._writer)
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="ledger-read")
        self._thread = threading.Thread(target=self._write_loop, name="ledger-write", daemon=True)
        if durable:
            self._thread.start()
        self._closed = False

    async def write(self, *statements: Statement) -> Results:
        """Run the statements as one transaction; resolves after the commit of the group it fell into."""
        transaction = _Transaction(statements, self._loop.create_future())
        if self._closed:
            raise sqlite3.ProgrammingError("the ledger is closed")
        if self._durable:
            self._inbox.put(transaction)
        else:
            self._turn.append(transaction)
            if len(self._turn) == 1:
                self._loop.call_soon(self._commit_turn)
        return await transaction.done

    async def fetch_one(self, sql: str, params: Params) -> Row | None:
        """Read one committed row by its key, at once: quicker than a thread could be asked."""
        found: Row | None = self._here.execute(sql, params).fetchone()
        return found

    async def fetch(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        """Read committed rows."""
        return await self._loop.run_in_executor(self._readers, self._read, sql, params or {})

    async def fetch_together(self, *queries: Statement) -> Results:
        """Read committed rows of one moment."""
        return await self._loop.run_in_executor(self._readers, self._read_together, queries)

    async def close(self) -> None:
        """Commit what was handed in, then close every connection."""
        if self._closed:
            return
        self._closed = True
        self._commit_turn()
        if self._durable:
            self._inbox.put(None)
            await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._connections:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=30
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA cache_size = -8000")
        self._connections.append(connection)
        return connection

    def _read(self, sql: str, params: Params) -> Sequence[Row]:
        return self._reader().execute(sql, params).fetchall()

    def _read_together(self, queries: Sequence[Statement]) -> Results:
        reader = self._reader()
        reader.execute("BEGIN")
        try:
            return [reader.execute(query.sql, query.params).fetchall() for query in queries]
        finally:
            reader.execute("ROLLBACK")

    def _reader(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    def _checkpoint(self) -> None:
        self._read("PRAGMA wal_checkpoint(PASSIVE)", {})

    def _commit_turn(self) -> None:
        group, self._turn = self._turn, []
        if group:
            self._commit(group)
            _resolve(group)

    def _write_loop(self) -> None:
        while (first := self._inbox.get()) is not None:
            group, closing = self._drain(first)
            self._commit(group)
            self._loop.call_soon_threadsafe(_resolve, group)
            if closing:
                return

    def _drain(self, first: _Transaction) -> tuple[list[_Transaction], bool]:
        group = [first]
        while len(group) < _GROUP:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return group, True
            group.append(item)
        return group, False

    def _commit(self, group: list[_Transaction]) -> None:
        self._written += len(group)
        if self._written >= _CHECKPOINT_EVERY and not self._closed:
            self._written = 0
            self._readers.submit(self._checkpoint)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for transaction in group:
                self._apply(transaction, alone=len(group) == 1)
            if self._writer.in_transaction:
                self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for transaction in group:
                transaction.error = transaction.error or error

    def _apply(self, transaction: _Transaction, *, alone: bool) -> None:
        """Run one transaction of a group, and undo it alone if it must be. alone: it is the whole group."""
        execute = self._writer.execute
        nested = not alone and len(transaction.statements) > 1
        undo = "ROLLBACK TO one" if nested else "ROLLBACK"
        if nested:
            execute("SAVEPOINT one")
        results: list[Sequence[Row]] = []
        try:
            for statement in transaction.statements:
                rows = execute(statement.sql, statement.params).fetchall()
                if statement.guard and not rows:
                    if results:
                        execute(undo)
                    results = [()] * len(transaction.statements)
                    break
                results.append(rows)
        except sqlite3.Error as error:
            if not self._writer.in_transaction:
                raise
            transaction.error = error
            if nested or alone:
                execute(undo)
        if nested:
            execute("RELEASE one")
        transaction.results = results


def _resolve(group: list[_Transaction]) -> None:
    for transaction in group:
        if transaction.done.done():
            continue
        if transaction.error is not None:
            transaction.done.set_exception(transaction.error)
        else:
            transaction.done.set_result(transaction.results)
