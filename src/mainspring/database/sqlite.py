"""SQLite: one connection writes and commits in groups, others read; WAL lets both go on at once.

A commit that need not reach the disk takes some 30 µs, less than handing it to a thread and back: such groups, all
that came in one turn of the event loop, are committed in the loop itself. Durable commits wait for the disk and
have a thread of their own. So have all while another process holds the ledger: the loop never waits for a lock.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter, sleep

from mainspring.core.histogram import Histogram
from mainspring.database import Params, Row, Statement
from mainspring.database.schema import migrate

log = logging.getLogger(__name__)
_GROUP = 256
_PATIENCE_S, _TELL_AFTER_S = 20.0, 1.0
_SHORTEST_S, _LONGEST_S = 0.001, 0.05
_CHECKPOINT_EVERY = 2_000
_CHECK_MS = 500
_COMMIT_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
_BEAT = "INSERT INTO pulse VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET beat = beat + 1 RETURNING beat"
Results = Sequence[Sequence[Row]]


@dataclass(slots=True)
class _Transaction:
    statements: tuple[Statement, ...]
    done: asyncio.Future[Results]
    results: Results = ()
    error: Exception | None = None
    handed_at: float = 0.0


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
        self._handed = self._written = 0
        self.commits = Histogram(_COMMIT_S)
        self.committed = self.uncommitted = 0
        self._writer = self._connect()
        self._here = self._connect()
        migrate(self._writer)
        self._writer.execute("PRAGMA busy_timeout = 0")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="ledger-read")
        self._thread = threading.Thread(target=self._write_loop, name="ledger-write", daemon=True)
        self._closed = False

    async def write(self, *statements: Statement) -> Results:
        """Run the statements as one transaction; resolves after the commit of the group it fell into."""
        transaction = _Transaction(statements, self._loop.create_future())
        if self._closed:
            raise sqlite3.ProgrammingError("the ledger is closed")
        if self._durable:
            self._hand_over([transaction])
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

    async def check(self) -> None:
        """Write a row and read it back, apart from all other work. Raises sqlite3.Error."""
        if self._closed:
            raise sqlite3.ProgrammingError("the ledger is closed")
        await self._loop.run_in_executor(self._readers, self._beat)

    def size(self) -> int:
        """Bytes of the file and what has yet to be folded into it."""
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    async def fetch_together(self, *queries: Statement) -> Results:
        """Read committed rows of one moment."""
        return await self._loop.run_in_executor(self._readers, self._read_together, queries)

    async def close(self) -> None:
        """Commit what was handed in, then close every connection."""
        if self._closed:
            return
        self._closed = True
        self._commit_turn()
        if self._thread.is_alive():
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

    def _beat(self) -> None:
        """Through a connection of its own, so that it waits for nobody for long."""
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=_CHECK_MS / 1e3)
        try:
            connection.execute(_BEAT).fetchall()
        finally:
            connection.close()

    def _checkpoint(self) -> None:
        self._read("PRAGMA wal_checkpoint(PASSIVE)", {})

    def _commit_turn(self) -> None:
        group, self._turn = self._turn, []
        if not group:
            return
        # What the thread has is older, and it alone may use the connection until that is committed.
        if self._handed or not self._commit(group, perf_counter()):
            self._hand_over(group)
        else:
            _resolve(group)

    def _hand_over(self, group: list[_Transaction]) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        self._handed += len(group)
        for transaction in group:
            self._inbox.put(transaction)

    def _take_back(self, group: list[_Transaction]) -> None:
        self._handed -= len(group)
        _resolve(group)

    def _write_loop(self) -> None:
        """Commit what was handed over, in its order; who waits for another process too long is told so."""
        waiting: deque[_Transaction] = deque()
        lock = _Lock()
        more = True
        while more or waiting:
            more = more and self._drain(waiting)
            group = list(islice(waiting, _GROUP))
            if not group:
                continue
            locked = not self._commit(group, group[0].handed_at)
            pause_s = lock.note(locked)
            done = self._expired(waiting) if locked else group
            for _ in done:
                waiting.popleft()
            if done:
                self._loop.call_soon_threadsafe(self._take_back, done)
            if locked:
                sleep(pause_s)

    def _drain(self, waiting: deque[_Transaction]) -> bool:
        """Take all that is there, and wait for the first of it; False once there will be no more."""
        wait = not waiting
        while True:
            try:
                item = self._inbox.get(wait)
            except queue.Empty:
                return True
            if item is None:
                return False
            item.handed_at, wait = perf_counter(), False
            waiting.append(item)

    def _expired(self, waiting: deque[_Transaction]) -> list[_Transaction]:
        """Those that have waited too long for another process, from the first on."""
        before = perf_counter() - _PATIENCE_S
        expired = [transaction for transaction in waiting if transaction.handed_at < before]
        for transaction in expired:
            transaction.error = sqlite3.OperationalError("another process holds the ledger")
        self.uncommitted += bool(expired)
        return expired

    def _commit(self, group: list[_Transaction], began: float) -> bool:
        """Commit them together; False, and nothing is done, while another process holds the ledger."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for transaction in group:
                self._apply(transaction, alone=len(group) == 1)
            if self._writer.in_transaction:
                self._writer.execute("COMMIT")
            self.commits.observe(perf_counter() - began)
            self.committed += len(group)
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            elif _is_locked(error):
                return False
            self.uncommitted += 1
            for transaction in group:
                transaction.error = transaction.error or error
        self._written += len(group)
        if self._written >= _CHECKPOINT_EVERY and not self._closed:
            self._written = 0
            self._readers.submit(self._checkpoint)
        return True

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
        except Exception as error:
            if not self._writer.in_transaction:
                raise
            transaction.error = error
            if nested or alone:
                execute(undo)
        if nested:
            execute("RELEASE one")
        transaction.results = results


class _Lock:
    """That of another process on the ledger: pauses between two tries, told in the log when it lasts."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._pause_s = _SHORTEST_S
        self._told = False

    def note(self, locked: bool) -> float:
        """What the last try came to; how long to wait before the next one."""
        now, pause_s = perf_counter(), self._pause_s
        if locked:
            self._since = now if self._since is None else self._since
            self._tell_of(now - self._since)
            self._pause_s = min(2 * pause_s, _LONGEST_S)
        elif self._since is not None:
            if self._told:
                log.warning("the ledger can be written again, after %.1f s", now - self._since)
            self._since, self._pause_s, self._told = None, _SHORTEST_S, False
        return pause_s

    def _tell_of(self, seconds: float) -> None:
        if seconds > _TELL_AFTER_S and not self._told:
            self._told = True
            log.warning("another process holds the ledger; what is to be written waits for it")


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _resolve(group: list[_Transaction]) -> None:
    for transaction in group:
        if transaction.done.done():
            continue
        if transaction.error is not None:
            transaction.done.set_exception(transaction.error)
        else:
            transaction.done.set_result(transaction.results)
