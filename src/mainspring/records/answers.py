"""First answers: what a request with a key made, so that the same request again makes nothing more."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mainspring.database import Database, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a key of an account. digest: hex, of the request; expires_at: RFC 3339.

    made: id of a prediction or training that is shown as it is by then; or else status and body (sealed): the reply.
    """

    account: str
    key: str
    digest: str
    expires_at: str
    made: str | None = None
    status: int | None = None
    body: str | None = None


_COLUMNS = tuple(f.name for f in fields(Answer))
_ALL = ", ".join(_COLUMNS)

NOTE = f"""
    INSERT INTO answers ({_ALL}) VALUES ({", ".join(":" + c for c in _COLUMNS)})
    ON CONFLICT (account, key) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in _COLUMNS[2:])}
    WHERE answers.expires_at <= :now OR :anew = 1 RETURNING key"""
GET = f"SELECT {_ALL} FROM answers WHERE account = :account AND key = :key AND expires_at > :now"
SWEEP = """
    DELETE FROM answers WHERE (account, key) IN
        (SELECT account, key FROM answers WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit) RETURNING key"""


def note(answer: Answer, now: str, *, anew: bool = False) -> Statement:
    """Goes first into the transaction that makes what is answered: undoes it when the key has an answer.

    anew: replace that answer instead.
    """
    row: dict[str, object] = {c: getattr(answer, c) for c in _COLUMNS}
    return Statement(NOTE, {**row, "now": now, "anew": int(anew)}, guard=True)


class Answers:
    """The first answers of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, account: str, key: str, now: str) -> Answer | None:
        """The answer to a key, while it is remembered."""
        row = await self._database.fetch_one(GET, {"account": account, "key": key, "now": now})
        return Answer(**{c: row[c] for c in _COLUMNS}) if row else None

    async def sweep(self, now: str, limit: int = 1_000) -> int:
        """Forget up to limit answers whose time is over; how many."""
        (rows,) = await self._database.write(Statement(SWEEP, {"now": now, "limit": limit}))
        return len(rows)
