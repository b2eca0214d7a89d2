"""The store of results that requests are answered from, and what that saved.

It has no data of its own. An entry names a prediction that still has its output, logs and files, and goes in the
transaction that removes them. An answer is a prediction of its own; the entry moves on to it if it keeps its data
longer.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec

from mainspring.core.ids import parse_time, rfc3339
from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.core.pricing import MICRO, amount, tell_dollars
from mainspring.database import Database, Row, Statement
from mainspring.records import outbox
from mainspring.records.metering import on_loss
from mainspring.records.predictions import columns, count_run, insertion, prediction_of

_OVERHEAD = 512
_AT_ONCE = 500
_LONGER = "kept_until IS NOT NULL AND (:kept_until IS NULL OR :kept_until > kept_until)"
KEEP = """
    INSERT INTO cached (key, model, version, account, prediction, made_at, used_at, kept_until, bytes, active_us)
    SELECT p.cache_key, p.model, p.version, p.account, p.id, :now, :now, :kept_until, :bytes,
        coalesce((SELECT u.active_us FROM usage u WHERE u.id = p.id), 0)
    FROM predictions p WHERE p.id = :id AND p.status = 'succeeded' AND p.cache_key IS NOT NULL
    ON CONFLICT (key) DO UPDATE SET account = excluded.account, prediction = excluded.prediction,
        made_at = excluded.made_at, used_at = excluded.used_at, kept_until = excluded.kept_until,
        bytes = excluded.bytes, active_us = excluded.active_us"""
FIND = f"""
    SELECT {columns("p")}, c.made_at, c.active_us, c.account AS made_by FROM cached c
    JOIN predictions p ON p.id = c.prediction AND p.status = 'succeeded' AND p.data_removed = 0
    WHERE c.key = :key AND c.made_at > :since"""
USE = f"""
    UPDATE cached SET used_at = :now, hits = hits + 1,
        prediction = CASE WHEN {_LONGER} THEN :id ELSE prediction END,
        kept_until = CASE WHEN {_LONGER} THEN :kept_until ELSE kept_until END
    WHERE key = :key"""
SAVE = """
    INSERT INTO savings (model, account, day, hits, joined, saved_us, amount, list_amount)
    SELECT :model, :account, :day, :hits, :joined, :saved_us, :amount, :list_amount
    WHERE EXISTS (SELECT 1 FROM predictions WHERE id = :id AND status = 'succeeded')
    ON CONFLICT (model, account, day) DO UPDATE SET hits = savings.hits + excluded.hits,
        joined = savings.joined + excluded.joined, saved_us = savings.saved_us + excluded.saved_us,
        amount = savings.amount + excluded.amount, list_amount = savings.list_amount + excluded.list_amount"""
OUTDATED = """
    SELECT key FROM cached WHERE made_at <= :oldest
    UNION SELECT key FROM cached WHERE kept_until <= :now LIMIT :limit"""
SIZE = "SELECT coalesce(sum(bytes), 0) AS bytes FROM cached"
BEYOND = """
    SELECT key FROM (SELECT key, used_at, sum(bytes) OVER
        (ORDER BY used_at DESC, key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS so_far FROM cached)
    WHERE so_far > :bytes ORDER BY used_at LIMIT :limit"""
DROP = "DELETE FROM cached WHERE key = :key"
FORGET = "DELETE FROM cached WHERE prediction = :id"
PURGED = "SELECT key FROM cached WHERE {whose} AND made_at <= :before LIMIT :limit"
STORED = """
    SELECT model, count(*) AS entries, sum(bytes) AS bytes, min(made_at) AS oldest_at FROM cached
    WHERE {whose} GROUP BY model"""
SAVED = """
    SELECT model, sum(hits) AS hits, sum(joined) AS joined, sum(saved_us) AS saved_us, sum(amount) AS amount,
        sum(list_amount) AS list_amount
    FROM savings WHERE {whose} GROUP BY model"""
_TERMS = {
    "model": "model = :model",
    "owner": "model BETWEEN :owner || '/' AND :owner || '0'",
    "account": "account = :account",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored result. source: the prediction that has it; made_by: the account whose run made it, at made_at.

    active_us: how long that run took.
    """

    source: Prediction
    made_at: str
    made_by: str
    active_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What the store has of one model. bytes: of outputs, logs and files. oldest_at: RFC 3339."""

    model: str
    entries: int
    bytes: int
    oldest_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """What did not run. hits: answered from the store; joined: with a run under way. Micro-dollars, microseconds."""

    model: str
    hits: int
    joined: int
    saved_us: int
    amount: int
    list_amount: int


class Cached(msgspec.Struct, omit_defaults=True):
    """How a prediction was answered without a run of its own.

    age: seconds since the run ended that it has its output from. prediction: its id, where it was the account's own.
    """

    age: float
    made_at: str
    seconds_saved: float
    amount_saved: str
    joined: bool = False
    prediction: str | None = None


_encode = msgspec.json.Encoder().encode
read_cached = msgspec.json.Decoder(Cached).decode


def told(entry: Entry, prediction: Prediction, age_s: float, *, joined: bool) -> str:
    """The JSON text of Cached for a prediction that is answered from the entry."""
    own = entry.made_by == prediction.account and entry.source.account == prediction.account
    cached = Cached(
        age=round(age_s, 3),
        made_at=entry.made_at,
        seconds_saved=entry.active_us / MICRO,
        amount_saved=tell_dollars(amount(entry.active_us, prediction.price)),
        joined=joined,
        prediction=entry.source.id if own else None,
    )
    return _encode(cached).decode()


def keep(
    prediction: Prediction, outcome: Outcome, file_bytes: int, now: str, most_bytes: int
) -> tuple[Statement, ...]:
    """For the transaction in which a run ends, behind its row of usage: store its result if that is asked for.

    most_bytes: of the whole store; what is larger would only drive out everything else.
    """
    size = _OVERHEAD + len(outcome.output or "") + len(outcome.logs) + file_bytes
    if prediction.cache_key is None or outcome.status is not Status.SUCCEEDED or size > most_bytes:
        return ()
    given = {
        "id": prediction.id,
        "now": now,
        "kept_until": _kept_until(prediction, now),
        "bytes": size,
    }
    return (Statement(KEEP, given),)


def saved(entry: Entry, prediction: Prediction, now: str, *, joined: bool) -> Statement:
    """For the transaction that answers it, behind that: what was saved."""
    given = {
        "id": prediction.id,
        "model": prediction.model,
        "account": prediction.account,
        "day": now[:10],
        "hits": int(not joined),
        "joined": int(joined),
        "saved_us": entry.active_us,
        "amount": amount(entry.active_us, prediction.price),
        "list_amount": amount(entry.active_us, prediction.list_price),
    }
    return Statement(SAVE, given)


def forget(prediction_id: str) -> Statement:
    """For the transaction that removes a prediction's data."""
    return Statement(FORGET, {"id": prediction_id})


class Cache:
    """The stored results of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str, since: str) -> Entry | None:
        """The result under a key, if it was made after a moment and its data is still there."""
        row = await self._database.fetch_one(FIND, {"key": key, "since": since})
        return _entry(row) if row else None

    async def answer(
        self, prediction: Prediction, key: str, entry: Entry, also: Sequence[Statement] = ()
    ) -> bool:
        """Store a prediction that ended as it was made, answered from the entry: it costs nothing.

        also: guarded statements of the same transaction; False when they did not allow it.
        """
        now = prediction.created_at
        used = {"id": prediction.id, "key": key, "now": now, "kept_until": _kept_until(prediction, now)}
        results = await self._database.write(
            *also,
            insertion(prediction),
            count_run(prediction),
            *on_loss(prediction, now),
            Statement(USE, used),
            saved(entry, prediction, now, joined=False),
            *outbox.on_answer(prediction, now),
        )
        return not also or bool(results[0])

    async def drop(self, key: str) -> None:
        """Forget one result."""
        await self._database.write(Statement(DROP, {"key": key}))

    async def trim(self, oldest: str, most_bytes: int, now: str) -> int:
        """Forget what is too old, then what was used least recently, as far as it is too much; how many."""
        keys = await self._keys(OUTDATED, oldest=oldest, now=now)
        if not keys and (await self._database.fetch(SIZE))[0]["bytes"] > most_bytes:
            keys = await self._keys(BEYOND, bytes=most_bytes)
        return await self._drop(keys)

    async def purge(self, before: str, *, model: str | None = None, owner: str | None = None) -> int:
        """Forget what was made until then: of one model, of an owner's models, or of all; how many."""
        purged = 0
        sql, given = _of(PURGED, model=model, owner=owner)
        while keys := await self._keys(sql, **given, before=before):
            purged += await self._drop(keys)
        return purged

    async def stocks(self, *, model: str | None = None, owner: str | None = None) -> builtins.list[Stock]:
        """What is stored, by model; of one model, of an owner's, or all."""
        rows = await self._database.fetch(*_of(STORED, model=model, owner=owner))
        return [Stock(**dict(row)) for row in rows]

    async def savings(
        self, *, account: str | None = None, model: str | None = None, owner: str | None = None
    ) -> builtins.list[Savings]:
        """What was saved, by model: by one account, or all of them."""
        rows = await self._database.fetch(*_of(SAVED, account=account, model=model, owner=owner))
        return [Savings(**dict(row)) for row in rows]

    async def _keys(self, sql: str, **given: Any) -> builtins.list[str]:
        return [row["key"] for row in await self._database.fetch(sql, {**given, "limit": _AT_ONCE})]

    async def _drop(self, keys: Sequence[str]) -> int:
        if keys:
            await self._database.write(*(Statement(DROP, {"key": key}) for key in keys))
        return len(keys)


def _of(sql: str, **whose: str | None) -> tuple[str, dict[str, str]]:
    """A statement for what is narrowed so, with an index for each way; its values."""
    given = {name: value for name, value in whose.items() if value is not None}
    return sql.format(whose=" AND ".join(_TERMS[name] for name in given) or "1 = 1"), given


def _entry(row: Row) -> Entry:
    return Entry(prediction_of(row), row["made_at"], row["made_by"], row["active_us"])


def _kept_until(prediction: Prediction, now: str) -> str | None:
    """Until when the data of a prediction that ends now is kept; None is for ever."""
    return replace(prediction, completed_at=now).expires_at


def age_s(entry: Entry, now: str) -> float:
    """Seconds since the run ended."""
    return max(0.0, (parse_time(now) - parse_time(entry.made_at)).total_seconds())


def since(now: str, max_age_s: float) -> str:
    """After which moment something was made that is at most so old; nothing is older than time."""
    return rfc3339(parse_time(now) - timedelta(seconds=min(max_age_s, 3e9)))
