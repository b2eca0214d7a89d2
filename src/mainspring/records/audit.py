"""The audit log: who changed what, when and from where.

Creates of predictions are many, and each is a row already that says all of it: the log reads them there. Everything
else has a row of its own, which is written before the change begins and gets its status when that is known.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from mainspring.core.ids import first_id, new_id, parse_time
from mainspring.database import Database, Row, Statement
from mainspring.records.pages import Cursor, Keyset, Page, read_page


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

    account: what its tokens did; owner: what the tokens of others did with what it has; neither: everything.
    """

    account: str | None = None
    owner: str | None = None
    token: str | None = None
    operation: str | None = None
    since: str | None = None
    until: str | None = None


CREATES = ("predictions.create", "models.predictions.create", "deployments.predictions.create")
_COLUMNS = tuple(f.name for f in fields(Entry))
_ALL = ", ".join(_COLUMNS)
ADD = f"INSERT INTO audit ({_ALL}) VALUES ({', '.join(':' + c for c in _COLUMNS)}) RETURNING id"
END = "UPDATE audit SET status = :status, owner = :owner, object = :object WHERE id = :id"
SWEEP = "DELETE FROM audit WHERE id < :before"
_CREATED = {
    "id": "p.id",
    "at": "p.created_at",
    "account": "p.account",
    "token": "p.token",
    "token_name": "coalesce((SELECT name FROM tokens WHERE id = p.token), '')",
    "owner": "coalesce(substr(p.deployment, 1, instr(p.deployment, '/') - 1), p.account)",
    "operation": "CASE WHEN p.deployment IS NULL THEN 'predictions.create' ELSE 'deployments.predictions.create' END",
    "object": "p.id",
    "source": "p.source",
    "address": "p.address",
    "status": "201",
}
_ROWS = f"SELECT {_ALL} FROM audit"
# A create that uses what another account has is a row of the log too.
_PREDICTIONS = f"""
    SELECT {", ".join(f"{sql} AS {name}" for name, sql in _CREATED.items())} FROM predictions p
    WHERE p.kind = 'prediction' AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.id = p.id)"""
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

    async def begin(self, entry: Entry, now: datetime) -> Entry:
        """Write down what is about to be done."""
        kept = replace(entry, id=new_id(now))
        await self._database.write(Statement(ADD, asdict(kept)))
        return kept

    async def end(self, entry: Entry) -> None:
        """Write down what became of it: its status, and the owner and the object if they were not known before."""
        await self._database.write(Statement(END, asdict(entry)))

    async def list(self, wanted: Wanted, cursor: Cursor | None, limit: int) -> Page[Entry]:
        """Entries, newest first."""
        given = asdict(wanted)
        params = given | {
            "from_id": first_id(parse_time(wanted.since)) if wanted.since else None,
            "until_id": first_id(parse_time(wanted.until)) if wanted.until else None,
        }
        return await read_page(self._database, keyset(wanted), params, _entry, cursor, limit)

    async def sweep(self, before: datetime) -> None:
        """Forget what is older."""
        await self._database.write(Statement(SWEEP, {"before": first_id(before)}))


def keyset(wanted: Wanted) -> Keyset:
    """The statements of a list, newest first: a page of each source of entries, of which the first are taken."""
    given = asdict(wanted)
    terms = "".join(f" AND {term}" for name, term in _TERMS.items() if given[name] is not None)
    sources = (_ROWS,) if wanted.owner is not None else (_ROWS, _PREDICTIONS)

    def of(beyond: str, order: str) -> str:
        rest = f"WHERE id {beyond} :page_at{terms} ORDER BY id{order} LIMIT :page_size"
        parts = [f"SELECT * FROM (SELECT * FROM ({source}) {rest})" for source in sources]
        pages = " UNION ALL ".join(parts)
        return (
            f"SELECT {_ALL}, id AS page_at, id AS page_key FROM ({pages}) ORDER BY id{order} LIMIT :page_size"
        )

    return Keyset(older=of("<", " DESC"), newer=of(">", ""))


def crossing(entry: Entry) -> Statement:
    """For the transaction that makes a prediction with what another account has; the entry is called like it."""
    return Statement(ADD, asdict(entry) | {"id": entry.object}, guard=True)


def _entry(row: Row) -> Entry:
    return Entry(**{c: row[c] for c in _COLUMNS})
