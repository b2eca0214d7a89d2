"""What the end of a run or of an instance adds to usage: statements for the transaction that ends it.

A dedicated instance's clock is cut wherever a run on it ends. The span since the last cut is setup, then idle until
the first of those who run now had started, then work. Who ends takes all setup and idle, and of the work the share
that its time has among all who run; the rest stays owed, and the last one takes it whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from mainspring.core.ids import micros
from mainspring.core.prediction import Prediction, Status
from mainspring.core.pricing import PAID_BY_REST, Part, Rule, amount, amount_sql, billed_sql, billed_us
from mainspring.database import Database, Statement
from mainspring.records.recent import Recent

_MOST_COUNTED = 1 << 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one prediction or training used, or an instance beside them. Spans in microseconds, amounts micro-dollars.

    kind: prediction, training or instance. price: nano-dollars for a second. list_amount: at Replicate's prices.
    """

    id: str
    kind: str
    account: str
    token: str | None
    model: str
    version: str
    deployment: str | None
    hardware: str | None
    instance_id: str | None
    status: str
    at: str
    setup_us: int
    idle_us: int
    active_us: int
    lost_us: int
    price: int
    amount: int
    list_amount: int
    input_tokens: int | None = None
    output_tokens: int | None = None
    images: int | None = None


COLUMNS = tuple(f.name for f in fields(Usage))
_ALL = ", ".join(COLUMNS)


def micros_sql(column: str) -> str:
    """A time of the ledger as microseconds since 1970."""
    seconds = f"CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER)"
    return f"({seconds} * 1000000 + CAST(substr({column}, 21, 6) AS INTEGER))"


def _least(a: str, b: str) -> str:
    return f"(CASE WHEN {a} < {b} THEN {a} ELSE {b} END)"


def _most(a: str, b: str) -> str:
    return f"(CASE WHEN {a} > {b} THEN {a} ELSE {b} END)"


def _ran_ms(till: str, began: str) -> str:
    """At least one, so that shares can be told."""
    return f"{_most(f'({till} - {began}) / 1000', '0')} + 1"


PAYER = "SELECT payer FROM instances WHERE id = :instance"
_OTHERS = "FROM predictions o WHERE o.instance_id = i.id AND o.status = 'processing'"
# till ends the span: no clock that goes back and no instance that has ended can prolong it.
_CLOCK = f"""
    WITH span AS (
        SELECT i.*, CASE WHEN i.state = 'ended' THEN i.settled_us ELSE {_most("i.settled_us", ":now_us")} END AS till
        FROM instances i WHERE i.id = :instance AND i.payer IS NOT NULL
    ), marks AS (
        SELECT i.*, {_least(f"coalesce({micros_sql('i.ready_at')}, i.till)", "i.till")} AS ready_us,
            coalesce(:started_us, i.till) AS own_us,
            coalesce((SELECT min({micros_sql("o.started_at")}) {_OTHERS}), i.till) AS first_us,
            coalesce((SELECT sum({_ran_ms("i.till", micros_sql("o.started_at"))}) {_OTHERS}), 0) AS others_ms
        FROM span i
    ), up AS (
        SELECT i.*, {_most("i.ready_us", "i.settled_us")} AS up_us,
            {_least(_least("i.first_us", "i.own_us"), "i.till")} AS began_us FROM marks i
    ), parts AS (
        SELECT i.*, i.up_us - i.settled_us AS setup_us, {_most("i.began_us", "i.up_us")} - i.up_us AS idle_us FROM up i
    ), clock AS (
        SELECT i.*, i.owed_us + i.till - i.settled_us - i.setup_us - i.idle_us AS pool_us,
            {_ran_ms("i.till", "i.own_us")} AS own_ms FROM parts i
    )"""
_SHARE = "CAST(c.pool_us * c.own_ms / (c.own_ms + c.others_ms) AS INTEGER)"
RUN_SHARED = f"""
    INSERT INTO usage ({_ALL}) SELECT {", ".join({"status": "p.status"}.get(c, ":" + c) for c in COLUMNS)}
    FROM predictions p WHERE p.id = :id"""
_OF_RUN = {
    "status": "u.status",
    "setup_us": "u.setup_us",
    "idle_us": "u.idle_us",
    "active_us": "u.active_us",
    "amount": amount_sql("u.billed_us", ":price"),
    "list_amount": amount_sql("u.billed_us", ":list_price"),
}
RUN_DEDICATED = f"""
    INSERT INTO usage ({_ALL}) {_CLOCK}
    SELECT {", ".join(_OF_RUN.get(c, ":" + c) for c in COLUMNS)} FROM (
        SELECT w.*, {billed_sql(Rule.DEDICATED, "w.status")} AS billed_us FROM (
            SELECT p.status, c.setup_us, c.idle_us,
                CASE WHEN c.others_ms = 0 THEN c.pool_us ELSE {_least("c.pool_us", _SHARE)} END AS active_us
            FROM clock c JOIN predictions p ON p.id = :id
        ) w
    ) u"""
_PAID = " + ".join(f"c.{part}_us" for part in Part if part in PAID_BY_REST)
_BILLED = f"(CASE WHEN c.ready_at IS NULL THEN 0 ELSE {_PAID} END)"
_OF_REST = {
    "id": ":id",
    "kind": "'instance'",
    "account": "c.payer",
    "token": "NULL",
    "instance_id": "c.id",
    "status": ":status",
    "at": ":at",
    "active_us": "0",
    "lost_us": "CASE WHEN :ended THEN c.pool_us ELSE 0 END",
    "amount": amount_sql(_BILLED, "c.price"),
    "list_amount": amount_sql(_BILLED, "c.list_price"),
    "input_tokens": "NULL",
    "output_tokens": "NULL",
    "images": "NULL",
}
REST = f"""
    INSERT INTO usage ({_ALL}) {_CLOCK}
    SELECT {", ".join(_OF_REST.get(c, "c." + c) for c in COLUMNS)} FROM clock c WHERE c.state <> 'ended'"""
SETTLE = f"""
    UPDATE instances SET settled_us = {_most("settled_us", ":now_us")},
        owed_us = owed_us + {_most("settled_us", ":now_us")} - settled_us
            - (SELECT setup_us + idle_us + active_us + lost_us FROM usage WHERE id = :id)
    WHERE id = :instance AND payer IS NOT NULL AND state <> 'ended'"""
_ADD_UP = """
    INSERT INTO spent (scope, holder, day, amount)
    SELECT '{scope}', {scope}, substr(at, 1, 10), amount FROM usage
    WHERE id = :id AND amount > 0 AND {scope} IS NOT NULL
    ON CONFLICT (scope, holder, day) DO UPDATE SET amount = spent.amount + excluded.amount"""
SPENT = tuple(_ADD_UP.format(scope=scope) for scope in ("account", "token"))
UNSETTLED = """
    SELECT id FROM instances WHERE payer IS NOT NULL AND state = 'ready' AND settled_us < :before"""


class Metering:
    """Knows which instances are dedicated."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Who pays for an instance is written when it is made, and stays.
        self._payers = Recent(ttl_s=math.inf)

    async def on_finish(
        self, prediction: Prediction, status: Status, metrics: str | None, now: str
    ) -> list[Statement]:
        """For the transaction in which a run ends on its instance, behind the guard."""
        row = _row(prediction, now) | _counts(metrics)
        began, till = micros(prediction.started_at or now), micros(now)
        instance = prediction.instance_id or ""
        found = await self._payers.ask(
            instance, lambda: self._database.fetch_one(PAYER, {"instance": instance})
        )
        if found is None or found["payer"] is None:
            row["active_us"] = max(0, till - began)
            billed = billed_us(Rule.SHARED, status, {Part.ACTIVE: row["active_us"]})
            row["amount"] = amount(billed, prediction.price)
            row["list_amount"] = amount(billed, prediction.list_price)
            return [Statement(RUN_SHARED, row), *_spent(prediction.id, prediction.price)]
        given = {"id": prediction.id, "instance": instance, "now_us": till, "started_us": began}
        return [
            Statement(RUN_DEDICATED, row | given),
            Statement(SETTLE, given),
            *_spent(prediction.id, prediction.price),
        ]

    async def settle(self, before: int, now: str, stamp: str) -> int:
        """Write down what ready instances owe whose last cut was before a time, in microseconds since 1970.

        stamp: makes ids of the rows. Returns how many there were.
        """
        found = await self._database.fetch(UNSETTLED, {"before": before})
        for row in found:
            statements = on_rest(row["id"], now, row_id=f"{row['id']}.{stamp}", ended=False)
            await self._database.write(*statements)
        return len(found)


def on_loss(prediction: Prediction, now: str) -> list[Statement]:
    """For the transaction that ends what has no instance (any more), behind the guard: it costs nothing."""
    return [Statement(RUN_SHARED, _row(prediction, now))]


def on_instance_end(instance: str, now: str) -> list[Statement]:
    """For the transaction that ends an instance, before it does. now: until when it was of use."""
    return on_rest(instance, now, row_id=instance, ended=True)


def on_rest(instance: str, now: str, *, row_id: str, ended: bool) -> list[Statement]:
    """What no prediction has paid for, of a dedicated instance that has not ended; of any other nothing."""
    given = {
        "id": row_id,
        "instance": instance,
        "at": now,
        "now_us": micros(now),
        "started_us": None,
        "ended": ended,
        "status": "ended" if ended else "ready",
    }
    return [Statement(REST, given), Statement(SETTLE, given), *_spent(row_id, 1)]


def _spent(row_id: str, price: int) -> list[Statement]:
    return [Statement(sql, {"id": row_id}) for sql in SPENT] if price else []


def _row(prediction: Prediction, now: str) -> dict[str, Any]:
    same = (
        "id",
        "kind",
        "account",
        "token",
        "model",
        "version",
        "deployment",
        "hardware",
        "instance_id",
        "price",
        "list_price",
    )
    nothing = ("setup_us", "idle_us", "active_us", "lost_us", "amount", "list_amount")
    unknown = ("input_tokens", "output_tokens", "images")
    return {
        **{name: getattr(prediction, name) for name in same},
        **dict.fromkeys(nothing, 0),
        **dict.fromkeys(unknown),
        "at": now,
    }


class _Counts(msgspec.Struct):
    input_token_count: Any = None
    output_token_count: Any = None
    image_count: Any = None


_counts_of = msgspec.json.Decoder(_Counts).decode


def _counts(metrics: str | None) -> dict[str, int | None]:
    """What the model counted, as far as it makes sense."""
    if not metrics or "_count" not in metrics:
        return {}
    try:
        told = _counts_of(metrics)
    except msgspec.MsgspecError:
        return {}
    return {
        "input_tokens": _whole(told.input_token_count),
        "output_tokens": _whole(told.output_token_count),
        "images": _whole(told.image_count),
    }


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_COUNTED:
        return None
    return round(value)
