"""Predictions in the ledger: each change of state is one guarded statement."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from mainspring.core.errors import Conflict
from mainspring.core.prediction import Outcome, Prediction, Status, guard
from mainspring.database import Database, Row, Statement
from mainspring.records import outbox
from mainspring.records.lines import AHEAD, IN_LINE, RUNNING, WAITING, Line, lines_of, running_of
from mainspring.records.listing import Wanted
from mainspring.records.metering import Metering, on_loss
from mainspring.records.pages import Cursor, Page, read_page
from mainspring.records.progress import FORGET, Progress

_COLUMNS = tuple(f.name for f in fields(Prediction))
_ALL = ", ".join(_COLUMNS)
_AT_ONCE = 200

CREATE = f"INSERT INTO predictions ({_ALL}) VALUES ({', '.join(':' + c for c in _COLUMNS)})"
_READY = "EXISTS (SELECT 1 FROM instances WHERE id = :seat AND state = 'ready')"


def _claimed(taken: str) -> dict[str, str]:
    """The columns that say who runs it. taken: the condition for that, in SQL."""
    return {
        "status": f"CASE WHEN {taken} THEN 'processing' ELSE 'starting' END",
        "started_at": f"CASE WHEN {taken} THEN :created_at END",
        "instance_id": f"CASE WHEN {taken} THEN :seat END",
        "attempt": f"CASE WHEN {taken} THEN 1 ELSE 0 END",
        "weights": "(SELECT weights FROM instances WHERE id = :seat)",
    }


def _insert(columns: dict[str, str], source: str = "") -> str:
    values = ", ".join(columns.get(c, ":" + c) for c in _COLUMNS)
    return f"INSERT INTO predictions ({_ALL}) SELECT {values} {source} RETURNING status, follows"


CREATE_CLAIMED = _insert(_claimed(_READY))
LEADER = """
    SELECT id FROM predictions WHERE cache_key = :cache_key AND follows IS NULL
    AND status IN ('starting', 'processing') AND cancel_requested_at IS NULL ORDER BY id LIMIT 1"""
_ALONE = {"follows": "l.leader", "reserved": "CASE WHEN l.leader IS NULL THEN :reserved ELSE 0 END"}
CREATE_OR_FOLLOW = _insert(
    _claimed(f"l.leader IS NULL AND {_READY}") | _ALONE, f"FROM (SELECT ({LEADER}) AS leader) l"
)
COUNT_RUN = """
    UPDATE models SET run_count = run_count + 1 WHERE owner = :owner AND name = :name AND :kind = 'prediction'"""
GET = f"SELECT {_ALL} FROM predictions WHERE id = :id"
CLAIM = f"""
    UPDATE predictions SET status = 'processing', started_at = :now, instance_id = :instance, attempt = attempt + 1,
        weights = (SELECT weights FROM instances WHERE id = :instance)
    WHERE {guard(Status.PROCESSING)} AND id IN (
        SELECT id FROM predictions WHERE queue = :queue AND {IN_LINE} ORDER BY id LIMIT :limit)
    AND EXISTS (SELECT 1 FROM instances WHERE id = :instance AND state = 'ready')
    RETURNING {_ALL}"""
FINISH = f"""
    UPDATE predictions SET status = :status, output = :output, error = :error, logs = :logs, metrics = :metrics,
        completed_at = :now, timeline = :timeline, secrets = NULL
    WHERE id = :id AND instance_id = :instance AND attempt = :attempt AND status = 'processing'
    RETURNING {_ALL}"""
END_WAITING = f"""
    UPDATE predictions SET status = :status, error = :error, logs = :logs, completed_at = :now, secrets = NULL,
        timeline = COALESCE(:timeline, timeline)
    WHERE id = :id AND status = 'starting' RETURNING {_ALL}"""
WAITING_IN = f"SELECT {_ALL} FROM predictions WHERE queue = :queue AND {IN_LINE} ORDER BY id"
REQUEUE = f"""
    UPDATE predictions SET status = 'starting', started_at = NULL, instance_id = NULL
    WHERE instance_id = :instance AND {guard(Status.STARTING)} AND attempt < :attempts
    AND cancel_requested_at IS NULL RETURNING {_ALL}"""
GIVE_UP = f"""
    UPDATE predictions SET status = CASE WHEN cancel_requested_at IS NULL THEN 'failed' ELSE 'canceled' END,
        error = CASE WHEN cancel_requested_at IS NULL THEN :error END, logs = :logs, completed_at = :now, secrets = NULL
    WHERE id = :id AND instance_id = :instance AND attempt = :attempt AND status = 'processing' RETURNING {_ALL}"""
HELD = f"SELECT {_ALL} FROM predictions WHERE instance_id = :instance AND status = 'processing'"
ASK_CANCEL = f"""
    UPDATE predictions SET cancel_requested_at = :now
    WHERE id = :id AND status = 'processing' AND cancel_requested_at IS NULL RETURNING {_ALL}"""
CANCELING = "SELECT id FROM predictions WHERE status = 'processing' AND cancel_requested_at IS NOT NULL"
DUE = f"""
    SELECT {_ALL} FROM predictions WHERE deadline IS NOT NULL AND deadline <= :now
    AND status IN ('starting', 'processing')"""


class Predictions:
    """The predictions of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._metering = Metering(database)
        self._progress = Progress(database)

    async def create(
        self,
        prediction: Prediction,
        seat: str | None = None,
        also: Sequence[Statement] = (),
        *,
        join: bool = False,
    ) -> Prediction:
        """Store a new prediction and count the run of its model.

        seat: an instance with a free slot; if it is ready, the prediction is its first claim at once. also: guarded
        statements of the same transaction. join: follow the one with the same cache_key that has not ended, if there
        is one, instead of running. Raises Conflict when `also` did not allow it.
        """
        row = {c: getattr(prediction, c) for c in _COLUMNS}
        more = (count_run(prediction), *outbox.on_create(prediction))
        if seat is None and not join:
            results = await self._database.write(*also, Statement(CREATE, row), *more)
            _allowed(results, also)
            return prediction
        start = (outbox.on_start(seat, prediction.created_at),) if seat and len(more) > 1 else ()
        claimed = Statement(CREATE_OR_FOLLOW if join else CREATE_CLAIMED, {**row, "seat": seat})
        results = await self._database.write(*also, claimed, *more, *start)
        _allowed(results, also)
        (stored,) = results[len(also)]
        if stored["status"] != Status.PROCESSING:
            follows = stored["follows"]
            return replace(prediction, follows=follows, reserved=0) if follows else prediction
        return replace(
            prediction,
            status=Status.PROCESSING,
            started_at=prediction.created_at,
            instance_id=seat,
            attempt=1,
        )

    async def get(self, prediction_id: str) -> Prediction | None:
        """The prediction, if there is one."""
        row = await self._database.fetch_one(GET, {"id": prediction_id})
        return prediction_of(row) if row else None

    async def list(self, account: str, cursor: Cursor | None, limit: int, asked: Wanted) -> Page[Prediction]:
        """A page, newest first."""
        given = {"account": account, **asked.params()}
        return await read_page(self._database, asked.keyset(), given, prediction_of, cursor, limit)

    async def claim(self, queue: str, instance: str, limit: int, now: str) -> builtins.list[Prediction]:
        """Take up to limit waiting predictions for a ready instance, oldest first."""
        given = {"queue": queue, "instance": instance, "limit": limit, "now": now}
        rows, _ = await self._database.write(Statement(CLAIM, given), outbox.on_start(instance, now))
        return sorted((prediction_of(row) for row in rows), key=lambda p: p.id)

    async def finish(
        self, prediction: Prediction, outcome: Outcome, now: str, also: Sequence[Statement] = ()
    ) -> Prediction | None:
        """End a run that this attempt still owns; None when somebody else decided. also: true if it ends so."""
        given = {
            "id": prediction.id,
            "instance": prediction.instance_id,
            "attempt": prediction.attempt,
            "status": outcome.status,
            "output": outcome.output,
            "error": outcome.error,
            "logs": outcome.logs,
            "metrics": outcome.metrics,
            "timeline": outcome.timeline,
            "now": now,
        }
        change = Statement(FINISH, given, guard=True)
        ended = {"output": outcome.output is not None, "said": outcome.said}
        used = await self._metering.on_finish(prediction, outcome.status, outcome.metrics, now)
        return await self._end(prediction, change, now, **ended, also=(*used, *also))

    async def end_waiting(
        self, prediction_id: str, status: Status, now: str, *, error: str | None = None, logs: str = ""
    ) -> Prediction | None:
        """End a prediction that nobody has claimed; None when somebody has."""
        guard(status, Status.STARTING)
        prediction = await self.get(prediction_id)
        if prediction is None or prediction.status is not Status.STARTING:
            return None
        given = {"status": status, "error": error, "logs": logs, "timeline": None, "now": now}
        return await self._end_waiting(prediction, given)

    async def fail_queue(
        self, queue: str, error: str, logs: str, now: str, timeline: str | None = None
    ) -> builtins.list[Prediction]:
        """Fail everything that waits in a queue. timeline: JSON, of the boot that it waited for."""
        failed: builtins.list[Prediction] = []
        waiting = [prediction_of(row) for row in await self._database.fetch(WAITING_IN, {"queue": queue})]
        given = {"status": Status.FAILED, "error": error, "logs": logs, "timeline": timeline, "now": now}
        for first in range(0, len(waiting), _AT_ONCE):
            some = waiting[first : first + _AT_ONCE]
            ended = await asyncio.gather(*(self._end_waiting(p, given) for p in some))
            failed += [p for p in ended if p is not None]
        return failed

    async def _end_waiting(self, prediction: Prediction, given: dict[str, Any]) -> Prediction | None:
        change = Statement(END_WAITING, {**given, "id": prediction.id}, guard=True)
        return await self._end(prediction, change, given["now"], also=on_loss(prediction, given["now"]))

    async def lose_instance(
        self, instance: str, attempts: int, error: str, now: str
    ) -> tuple[builtins.list[Prediction], builtins.list[Prediction]]:
        """What a lost instance was running: (queued again while attempts remain, ended)."""
        given = {"instance": instance, "attempts": attempts, "error": error, "now": now}
        _, again = await self._database.write(outbox.on_requeue(given), Statement(REQUEUE, given))
        for row in again:
            await self._database.write(Statement(FORGET, {"id": row["id"]}))
        held = [prediction_of(row) for row in await self._database.fetch(HELD, given)]
        ended = [await self._give_up(prediction, error, now) for prediction in held]
        return [prediction_of(row) for row in again], [prediction for prediction in ended if prediction]

    async def _give_up(self, prediction: Prediction, error: str, now: str) -> Prediction | None:
        """End a run whose instance is lost, with what it had said."""
        said = await self._progress.said(prediction.id, prediction.attempt)
        given = {
            "id": prediction.id,
            "instance": prediction.instance_id,
            "attempt": prediction.attempt,
            "logs": "".join(logs for _, logs in said),
            "error": error,
            "now": now,
        }
        change = Statement(GIVE_UP, given, guard=True)
        return await self._end(prediction, change, now, also=on_loss(prediction, now))

    async def _end(
        self,
        prediction: Prediction,
        change: Statement,
        now: str,
        *,
        output: bool = False,
        said: bool = True,
        also: Sequence[Statement] = (),
    ) -> Prediction | None:
        """End it by a guarded change, with everything that must happen together with it; None if it has ended."""
        forget = (Statement(FORGET, {"id": prediction.id}),) if said else ()
        told = outbox.on_end(prediction, now, output=output, said=said)
        rows, *_ = await self._database.write(change, *forget, *told, *also)
        return prediction_of(rows[0]) if rows else None

    async def ask_cancel(self, prediction_id: str, now: str) -> Prediction | None:
        """Note that a running prediction shall stop; None when it is not running or was asked before."""
        (rows,) = await self._database.write(Statement(ASK_CANCEL, {"id": prediction_id, "now": now}))
        return prediction_of(rows[0]) if rows else None

    async def canceling(self) -> builtins.list[str]:
        """Ids of running predictions that shall stop."""
        return [row["id"] for row in await self._database.fetch(CANCELING)]

    async def ahead(self, prediction: Prediction) -> int:
        """How many wait before it in its queue."""
        given = {"queue": prediction.queue, "id": prediction.id}
        return int((await self._database.fetch(AHEAD, given))[0]["ahead"])

    async def due(self, now: str) -> builtins.list[Prediction]:
        """Predictions whose deadline has passed."""
        return [prediction_of(row) for row in await self._database.fetch(DUE, {"now": now})]

    async def lines(self) -> dict[str, Line]:
        """What waits, by queue."""
        return lines_of(await self._database.fetch(WAITING))

    async def running(self) -> dict[str, int]:
        """How many predictions run, by instance."""
        return running_of(await self._database.fetch(RUNNING))


def count_run(prediction: Prediction) -> Statement:
    """For the transaction that stores it: one more run of its model, unless it is a training."""
    owner, _, name = prediction.model.partition("/")
    return Statement(COUNT_RUN, {"owner": owner, "name": name, "kind": prediction.kind})


def insertion(prediction: Prediction) -> Statement:
    """What stores it as it is."""
    return Statement(CREATE, {c: getattr(prediction, c) for c in _COLUMNS})


def _allowed(results: Sequence[Sequence[Row]], also: Sequence[Statement]) -> None:
    if also and not results[0]:
        raise Conflict


def columns(table: str) -> str:
    """The columns that make a Prediction, of a table by its name in a query."""
    return ", ".join(f"{table}.{column}" for column in _COLUMNS)


def prediction_of(row: Row) -> Prediction:
    """The prediction that a row with these columns is."""
    given = {c: row[c] for c in _COLUMNS}
    given["status"] = Status(given["status"])
    return Prediction(**given)
