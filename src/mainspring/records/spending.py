"""Spending limits in the ledger, and where their holders stand.

What counts against a limit is what was spent in its period and what everything unfinished is taken to cost. Both are
rows, and a new prediction is compared with them in the transaction that stores it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from mainspring.core.ids import micros, rfc3339
from mainspring.core.periods import began
from mainspring.core.prediction import Prediction
from mainspring.core.pricing import amount, amount_sql
from mainspring.database import Database, Row, Statement
from mainspring.records.metering import micros_sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """scope: account or token; holder: a username or a token's id; period: month or day. Amounts in micro-dollars.

    hard refuses, soft only warns, by webhook too. set_by: the account that set it. told_soft, told_hard: the first
    day of the period for which the webhook heard of it.
    """

    scope: str
    holder: str
    period: str
    hard: int | None = None
    soft: int | None = None
    webhook: str | None = None
    set_by: str
    set_at: str
    told_soft: str | None = None
    told_hard: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a limit's holder stands, in micro-dollars.

    account: whose it is. running: what is unfinished is taken to cost.
    """

    limit: Limit
    account: str
    spent: int
    running: int

    @property
    def reached(self) -> bool:
        """Whether the next prediction is refused."""
        return self.limit.hard is not None and self.spent + self.running >= self.limit.hard

    @property
    def warned(self) -> bool:
        """Whether the soft limit is behind."""
        return self.limit.soft is not None and self.spent >= self.limit.soft

    def imposed(self, operator: str) -> bool:
        """Whether the operator set it for somebody else: only the operator can change it then."""
        return self.limit.set_by == operator != self.account


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A prediction that costs something. price: nano-dollars for a second; started_at: None while it waits."""

    id: str
    price: int
    started_at: str | None

    def cost(self, now: datetime) -> int:
        """Micro-dollars that it would cost if it ended now, for its own time."""
        if self.started_at is None:
            return 0
        return amount(max(0, micros(rfc3339(now)) - micros(self.started_at)), self.price)


_COLUMNS = tuple(f.name for f in fields(Limit))
_UNFINISHED = "reserved > 0 AND status IN ('starting', 'processing')"
_SPENT = """coalesce((SELECT sum(s.amount) FROM spent s WHERE s.scope = l.scope AND s.holder = l.holder
        AND s.day >= CASE l.period WHEN 'month' THEN :month ELSE :day END), 0)"""
_RUNNING = f"""coalesce(CASE l.scope
        WHEN 'account' THEN (SELECT sum(p.reserved) FROM predictions p WHERE p.account = l.holder AND {_UNFINISHED})
        ELSE (SELECT sum(p.reserved) FROM predictions p WHERE p.token = l.holder AND {_UNFINISHED}) END, 0)"""
_CALLER = """((l.scope = 'account' AND l.holder = :account) OR (l.scope = 'token' AND l.holder = :token))"""
ADMIT = f"""
    SELECT 1 AS admitted WHERE NOT EXISTS (
        SELECT 1 FROM limits l WHERE {_CALLER} AND l.hard IS NOT NULL AND {_SPENT} + {_RUNNING} >= l.hard)"""
_STANDING = f"""
    SELECT {", ".join("l." + c for c in _COLUMNS)}, coalesce(t.account, l.holder) AS account,
        {_SPENT} AS spent, {_RUNNING} AS running
    FROM limits l LEFT JOIN tokens t ON l.scope = 'token' AND t.id = l.holder"""
_ORDER = "ORDER BY l.scope, l.holder, l.period DESC"
OF_CALLER = f"{_STANDING} WHERE {_CALLER} {_ORDER}"
OF_ACCOUNT = f"{_STANDING} WHERE coalesce(t.account, l.holder) = :account {_ORDER}"
EVERY = f"{_STANDING} {_ORDER}"
_GIVEN = ("hard", "soft", "webhook", "set_by", "set_at")
SET = f"""
    INSERT INTO limits ({", ".join(_COLUMNS)}) VALUES ({", ".join(":" + c for c in _COLUMNS)})
    ON CONFLICT (scope, holder, period) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in _GIVEN)},
        told_soft = NULL, told_hard = NULL"""
REMOVE = "DELETE FROM limits WHERE scope = :scope AND holder = :holder AND period = :period RETURNING holder"
TOLD = """
    UPDATE limits SET told_soft = CASE WHEN :soft THEN :began ELSE told_soft END,
        told_hard = CASE WHEN :soft THEN told_hard ELSE :began END
    WHERE scope = :scope AND holder = :holder AND period = :period AND set_at = :set_at"""
UNFINISHED = """
    SELECT id, price, started_at FROM predictions WHERE status IN ('starting', 'processing') AND price > 0
    AND CASE :scope WHEN 'account' THEN account = :holder ELSE token = :holder END"""
_SO_FAR = amount_sql(f"(:now_us - {micros_sql('started_at')})", "price")
OUTGROWN = f"""
    UPDATE predictions SET reserved = {_SO_FAR}
    WHERE reserved > 0 AND status = 'processing' AND {_SO_FAR} > reserved"""


class Spending:
    """The limits of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def admission(self, prediction: Prediction, now: datetime) -> Statement:
        """A guard for the transaction that stores it: whoever has reached a hard limit may not."""
        return Statement(ADMIT, _given(now, prediction.account, prediction.token), guard=True)

    async def of_caller(self, account: str, token: str | None, now: datetime) -> list[Standing]:
        """The limits that what this token (or, without one, this account) makes is held against."""
        return await self._standings(OF_CALLER, _given(now, account, token))

    async def of_account(self, account: str, now: datetime) -> list[Standing]:
        """The limits of an account and of its tokens."""
        return await self._standings(OF_ACCOUNT, _given(now, account, None))

    async def every(self, now: datetime) -> list[Standing]:
        """All there are."""
        return await self._standings(EVERY, _given(now, "", None))

    async def set(self, *limits: Limit) -> None:
        """Put limits in the place of those for the same holder and period; one without an amount is none."""
        await self._database.write(*setting(*limits))

    async def remove(self, scope: str, holder: str, period: str) -> bool:
        """Lift a limit; False when there was none."""
        given = {"scope": scope, "holder": holder, "period": period}
        (rows,) = await self._database.write(Statement(REMOVE, given))
        return bool(rows)

    async def told(self, limit: Limit, *, soft: bool, now: datetime) -> None:
        """The webhook heard of it, for this period."""
        same = {c: getattr(limit, c) for c in ("scope", "holder", "period", "set_at")}
        given = same | {"soft": soft, "began": began(limit.period, now)}
        await self._database.write(Statement(TOLD, given))

    async def unfinished(self, limit: Limit) -> list[Unfinished]:
        """What counts against it and has not ended."""
        given = {"scope": limit.scope, "holder": limit.holder}
        rows = await self._database.fetch(UNFINISHED, given)
        return [Unfinished(row["id"], row["price"], row["started_at"]) for row in rows]

    async def reserve_what_was_outgrown(self, now: datetime) -> None:
        """Count what runs for longer than it was taken to with what it costs so far."""
        await self._database.write(Statement(OUTGROWN, {"now_us": micros(rfc3339(now))}))

    async def _standings(self, sql: str, given: dict[str, str | None]) -> list[Standing]:
        return [_standing(row) for row in await self._database.fetch(sql, given)]


def setting(*limits: Limit) -> tuple[Statement, ...]:
    """The statements that put limits in the place of others; one without an amount is none."""
    return tuple(
        Statement(SET if one.hard is not None or one.soft is not None else REMOVE, asdict(one))
        for one in limits
    )


def _given(now: datetime, account: str, token: str | None) -> dict[str, str | None]:
    return {"account": account, "token": token, "month": began("month", now), "day": began("day", now)}


def _standing(row: Row) -> Standing:
    return Standing(Limit(**{c: row[c] for c in _COLUMNS}), row["account"], row["spent"], row["running"])
