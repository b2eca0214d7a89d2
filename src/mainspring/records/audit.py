"""The audit log: who changed what, when and from where.

Most rows are written before what they tell of begins, and get their status when it is known. Creates of predictions
are many and have a row of their own kind already: theirs are gathered and written together, and after a crash made
again from the predictions.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta

from mainspring.core.ids import first_id, new_id, parse_time
from mainspring.database import Database, Row, Statement
from mainspring.records.pages import Cursor, Keyset, Page, read_page

log = logging.getLogger(__name__)
_MOST_GATHERED = 100_000
_AT_ONCE = 500
_BEFORE_THE_LAST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that a token did or tried. at: RFC 3339; see the table for the rest."""

    id: str = ""
    at: str
    account: str
    token: str | None
    token_name: str
    owner: str
    operation: str
    object: str
    source: str
    address: str | None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries are listed; None is any. since (inclusive) and until (exclusive) are RFC 3339 times.

    account: whose tokens; owner: whose things, touched by others.
    """

    account: str | None = None
    owner: str | None = None
    token: str | None = None
    operation: str | None = None
    since: str | None = None
    until: str | None = None


_COLUMNS = tuple(f.name for f in fields(Entry))
_ALL = ", ".join(_COLUMNS)
ADD = f"INSERT INTO audit ({_ALL}) VALUES ({', '.join(':' + c for c in _COLUMNS)})"
END = "UPDATE audit SET status = :status, owner = :owner, object = :object WHERE id = :id"
SWEEP = "DELETE FROM audit WHERE id < :before"
GATHERED = ("predictions.create", "models.predictions.create", "deployments.predictions.create")
_IS_GATHERED = "operation IN ({})".format(", ".join(f"'{one}'" for one in GATHERED))
LAST = f"SELECT max(at) AS at FROM audit WHERE {_IS_GATHERED}"
MAKE_UP = f"""
    INSERT INTO audit ({_ALL})
    SELECT p.id, p.created_at, p.account, p.token, coalesce(t.name, ''),
        CASE WHEN p.deployment IS NULL THEN p.account ELSE substr(p.deployment, 1, instr(p.deployment, '/') - 1) END,
        CASE WHEN p.deployment IS NULL THEN 'predictions.create' ELSE 'deployments.predictions.create' END,
        p.id, p.source, NULL, 201
    FROM predictions p LEFT JOIN tokens t ON t.id = p.token
    WHERE p.id >= :since AND p.kind = 'prediction' AND p.token IS NOT NULL
    AND p.id NOT IN (SELECT object FROM audit WHERE id >= :since AND {_IS_GATHERED})"""
_TERMS = {
    "account": "account = :account",
    "owner": "owner = :owner AND owner <> account",
    "token": "token = :token",
    "operation": "operation = :operation",
    "since": "id >= :from_id",
    "until": "id < :until_id",
}


class Audit:
    """The log in the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gathered: list[Entry] = []

    async def begin(self, entry: Entry, now: datetime) -> Entry:
        """Write down what is about to be done."""
        kept = replace(entry, id=new_id(now))
        await self._database.write(Statement(ADD, asdict(kept)))
        return kept

    async def end(self, entry: Entry) -> None:
        """Write down what became of it: its status, and the owner and the object if they were not known before."""
        await self._database.write(Statement(END, asdict(entry)))

    def gather(self, entry: Entry) -> None:
        """Remember what was done; `flush` writes it."""
        if len(self._gathered) >= _MOST_GATHERED:
            # The ledger takes nothing; whoever was let in is in it, or was not let in.
            log.error("the audit log can't be written; %d entries are given up", _AT_ONCE)
            del self._gathered[:_AT_ONCE]
        self._gathered.append(entry)

    async def flush(self) -> int:
        """Write what was gathered; how many there were. What can't be written is kept for the next time."""
        written = 0
        while batch := self._gathered[:_AT_ONCE]:
            del self._gathered[: len(batch)]
            try:
                await self._database.write(*(Statement(ADD, _row(entry)) for entry in batch))
            except Exception:
                self._gathered[:0] = batch
                raise
            written += len(batch)
        return written

    async def make_up(self, now: datetime) -> int:
        """After a start: entries of creates that an earlier process did not come to write. Returns how many."""
        rows = await self._database.fetch(LAST)
        last = parse_time(rows[0]["at"]) if rows[0]["at"] else now
        since = first_id(last - _BEFORE_THE_LAST)
        before = await self._count(since)
        await self._database.write(Statement(MAKE_UP, {"since": since}))
        return await self._count(since) - before

    async def list(self, wanted: Wanted, cursor: Cursor | None, limit: int) -> Page[Entry]:
        """Entries, newest first, those that are still gathered too."""
        await self.flush()
        given = asdict(wanted)
        terms = [term for name, term in _TERMS.items() if given[name] is not None]
        keyset = Keyset.of(_ALL, f"FROM audit WHERE {' AND '.join(terms or ['1'])}", "id", "id")
        params = given | {
            "from_id": first_id(parse_time(wanted.since)) if wanted.since else None,
            "until_id": first_id(parse_time(wanted.until)) if wanted.until else None,
        }
        return await read_page(self._database, keyset, params, _entry, cursor, limit)

    async def sweep(self, before: datetime) -> None:
        """Forget what is older."""
        await self._database.write(Statement(SWEEP, {"before": first_id(before)}))

    async def _count(self, since: str) -> int:
        rows = await self._database.fetch(
            "SELECT count(*) AS n FROM audit WHERE id >= :since", {"since": since}
        )
        return int(rows[0]["n"])


def _row(entry: Entry) -> dict[str, object]:
    row = {c: getattr(entry, c) for c in _COLUMNS}
    row["id"] = entry.id or new_id(parse_time(entry.at))
    return row


def _entry(row: Row) -> Entry:
    return Entry(**{c: row[c] for c in _COLUMNS})
