"""Usage adds up: whatever happens, and wherever the process dies, no microsecond is lost or counted twice."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mainspring.core.ids import micros, rfc3339
from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.core.pricing import Part, Rule, amount, billed_us
from mainspring.database.sqlite import SqliteDatabase
from mainspring.records.instances import Instance, Instances
from mainspring.records.metering import Metering
from mainspring.records.predictions import Predictions

BEGAN = datetime(2026, 1, 31, 23, 59, 50, 999_999, tzinfo=UTC)
# So dear that a few microseconds cost something, and no two spans the same.
PRICE, LIST_PRICE = 1_234_567_891, 98_765_432_109
LINES = {"me/private:v": "me", "me/public:v": None}


class _Dying:
    """A connection whose process dies at a chosen statement; what was begun is undone, as the next start would."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.left: int | None = None

    def execute(self, sql: str, params: Any = ()) -> Any:
        if self.left is not None and sql != "ROLLBACK":
            if self.left == 0 and sql == "COMMIT":
                self._connection.execute(sql)
            if self.left <= 0:
                raise sqlite3.OperationalError("killed")
            self.left -= 1
        return self._connection.execute(sql, params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@dataclass
class Seen:
    """An instance as a witness saw it, in microseconds. runs: (began, ended) by attempt; None while it goes on."""

    payer: str | None
    created: int
    ready: int | None = None
    runs: dict[tuple[str, int], tuple[int, int | None]] = field(default_factory=dict)


def _union(spans: list[tuple[int, int]]) -> int:
    total, reached = 0, 0
    for began, ended in sorted(spans):
        total += max(0, ended - max(began, reached))
        reached = max(reached, ended)
    return total


def _pick(found: list[Any], which: int) -> list[Any]:
    return [found[which % len(found)]] if found else []


queues = st.sampled_from(sorted(LINES))
picks = st.integers(0, 7)
kills = st.sampled_from([None] * 40 + list(range(12)))


class Ledger(RuleBasedStateMachine):
    """Instances come and go, predictions run on them, and the process dies now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.Runner()
        self.clock = BEGAN
        self.made = 0
        self.seen: dict[str, Seen] = {}

    async def _open(self) -> None:
        self.database = SqliteDatabase(Path(self.folder.name) / "ledger.sqlite")
        self.dying: Any = _Dying(self.database._writer)
        self.database._writer = self.dying
        self.predictions, self.instances = Predictions(self.database), Instances(self.database)
        self.metering = Metering(self.database)

    def teardown(self) -> None:
        self.loop.run(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    # What happens

    @rule(us=st.integers(1, 3_000_000))
    def time_passes(self, us: int) -> None:
        self.clock += timedelta(microseconds=us)

    @initialize()
    def begin(self) -> None:
        self.loop.run(self._open())
        for queue in LINES:
            self.an_instance_boots(queue, 2, None)
            self.clock += timedelta(microseconds=7)
            self.it_gets_ready(0, None)

    @rule(queue=queues, slots=st.integers(1, 3), kill=kills)
    def an_instance_boots(self, queue: str, slots: int, kill: int | None) -> None:
        given = {"queue": queue, "model": queue.partition(":")[0], "version": "v", "state": "booting"}
        instance = Instance(
            id=self._id(),
            **given,
            devices=(),
            memory=1,
            slots=slots,
            created_at=self.now,
            last_used_at=self.now,
            payer=LINES[queue],
            price=PRICE,
            list_price=LIST_PRICE,
        )
        self._do(self.instances.add(instance), kill)

    @rule(which=picks, kill=kills)
    def it_gets_ready(self, which: int, kill: int | None) -> None:
        for row in _pick(self.live("booting"), which):
            self._do(self.instances.ready(row["id"], "", self.now), kill)

    @rule(queue=queues, count=st.integers(1, 3), which=picks, kill=kills)
    def predictions_are_made(self, queue: str, count: int, which: int, kill: int | None) -> None:
        ready = [*(row["id"] for row in self.live("ready") if row["queue"] == queue), None]
        for _ in range(count):
            prediction = Prediction(
                id=self._id(),
                account="me",
                token="t",
                model=queue.partition(":")[0],
                version="v",
                queue=queue,
                source="api",
                status=Status.STARTING,
                input="{}",
                created_at=self.now,
                price=PRICE,
                list_price=LIST_PRICE,
            )
            self._do(self.predictions.create(prediction, ready[which % len(ready)]), kill)

    @rule(which=picks, limit=st.integers(1, 3), kill=kills)
    def an_instance_claims(self, which: int, limit: int, kill: int | None) -> None:
        for row in _pick(self.live("ready"), which):
            self._do(self.predictions.claim(row["queue"], row["id"], limit, self.now), kill)

    @rule(which=picks, status=st.sampled_from([Status.SUCCEEDED, Status.FAILED, Status.CANCELED]), kill=kills)
    def a_run_ends(self, which: int, status: Status, kill: int | None) -> None:
        if not self.unfinished("processing"):
            self._make_some_run(which)
        outcome = Outcome(status=status, metrics='{"output_token_count": 3, "image_count": true}')
        for prediction in _pick(self.unfinished("processing"), which):
            self._do(self.predictions.finish(prediction, outcome, self.now), kill)

    @rule(which=picks, status=st.sampled_from([Status.ABORTED, Status.CANCELED]), kill=kills)
    def one_that_waits_ends(self, which: int, status: Status, kill: int | None) -> None:
        for prediction in _pick(self.unfinished("starting"), which):
            self._do(self.predictions.end_waiting(prediction.id, status, self.now), kill)

    @rule(queue=queues, rarely=picks, kill=kills)
    def a_line_fails(self, queue: str, rarely: int, kill: int | None) -> None:
        if rarely == 0:
            self._do(self.predictions.fail_queue(queue, "setup failed", "", self.now), kill)

    @rule(which=picks, kill=kills)
    def an_instance_is_gone(self, which: int, kill: int | None) -> None:
        self._make_some_run(which)
        for row in _pick(self.live("booting", "ready"), which):
            self._do(self.instances.end(row["id"], "gone", "", self.now), kill)
            self._do(self.predictions.lose_instance(row["id"], 1 + which % 2, "lost", self.now), kill)

    @rule(queue=queues, kill=kills)
    def a_boot_fails(self, queue: str, kill: int | None) -> None:
        self.an_instance_boots(queue, 1, None)
        self.clock += timedelta(microseconds=17)
        row = self.live("booting")[-1]
        self._do(self.instances.end(row["id"], "setup failed", "", self.now, "setup failed"), kill)

    @rule(which=picks, kill=kills)
    def a_run_outlives_its_instance(self, which: int, kill: int | None) -> None:
        self._make_some_run(which)
        for prediction in _pick(self.unfinished("processing"), which):
            self._do(self.instances.end(prediction.instance_id or "", "gone", "", self.now), kill)
            self.clock += timedelta(microseconds=11)
            self._do(self.predictions.finish(prediction, Outcome(status=Status.SUCCEEDED), self.now), kill)
            self._do(self.predictions.lose_instance(prediction.instance_id or "", 2, "lost", self.now), None)

    def _make_some_run(self, which: int) -> None:
        """Two of one line, the second later than the first."""
        queue = sorted(LINES)[which % 2]
        for _ in range(2):
            if not self.live("ready"):
                self.an_instance_boots(queue, 2, None)
                self.it_gets_ready(0, None)
            self.predictions_are_made(queue, 1, 0, None)
            self.clock += timedelta(microseconds=13)

    @rule(kill=kills)
    def it_is_settled_between(self, kill: int | None) -> None:
        self._do(self.metering.settle(micros(self.now), self.now, self._id()), kill)

    # What must be true

    @invariant()
    def every_end_has_one_row(self) -> None:
        ended = [p.id for p in self.rows() if p.status.terminal]
        assert sorted(u["id"] for u in self.usage() if u["kind"] == "prediction") == sorted(ended)
        assert all(u["output_tokens"] in (3, None) and u["images"] is None for u in self.usage())

    @invariant()
    def time_of_dedicated_instances_adds_up(self) -> None:
        for row in self.query("SELECT * FROM instances WHERE payer IS NOT NULL"):
            seen, till = self.seen[row["id"]], row["settled_us"]
            used: Counter[str] = Counter()
            for each in (u for u in self.usage() if u["instance_id"] == row["id"]):
                used.update({name: each[name] for name in ("setup_us", "idle_us", "active_us", "lost_us")})
            runs = [
                (began, till if ended is None else min(ended, till)) for began, ended in seen.runs.values()
            ]
            ready = till if seen.ready is None else min(till, seen.ready)
            work = _union([span for span in runs if span[0] < span[1]])
            assert used["setup_us"] == ready - seen.created
            assert used["active_us"] + used["lost_us"] + row["owed_us"] == work
            assert used["idle_us"] == till - ready - work
            assert row["state"] != "ended" or row["owed_us"] == 0

    @invariant()
    def runs_on_shared_instances_pay_their_own_time(self) -> None:
        shared = {name for name, seen in self.seen.items() if seen.payer is None}
        for used in self.usage():
            assert used["kind"] != "instance" or used["instance_id"] not in shared
            if used["kind"] == "instance" or (used["instance_id"] or "") not in shared | {""}:
                continue
            prediction = next(p for p in self.rows() if p.id == used["id"])
            own = 0
            if prediction.status is not Status.ABORTED and used["instance_id"] and prediction.error != "lost":
                own = micros(prediction.completed_at or "") - micros(prediction.started_at or "")
            assert (used["setup_us"], used["idle_us"], used["active_us"], used["lost_us"]) == (0, 0, own, 0)

    @invariant()
    def amounts_follow_from_spans(self) -> None:
        spent: Counter[tuple[str, str, str]] = Counter()
        for used in self.usage():
            billed = self._billed(used)
            assert used["amount"] == amount(billed, PRICE)
            assert used["list_amount"] == amount(billed, LIST_PRICE)
            spent["account", "me", used["at"][:10]] += used["amount"]
            if used["token"] is not None:
                spent["token", used["token"], used["at"][:10]] += used["amount"]
        kept = {(r["scope"], r["holder"], r["day"]): r["amount"] for r in self.query("SELECT * FROM spent")}
        assert kept == {key: value for key, value in spent.items() if value}

    def _billed(self, used: Any) -> int:
        if used["kind"] == "instance":
            ready = self.seen[used["instance_id"]].ready is not None
            return int(used["setup_us"] + used["idle_us"]) if ready else 0
        seen = self.seen.get(used["instance_id"] or "")
        line = Rule.DEDICATED if seen is not None and seen.payer else Rule.SHARED
        spans = {part: used[f"{part}_us"] for part in Part}
        return billed_us(line, Status(used["status"]), spans)

    # How it is done and seen

    @property
    def now(self) -> str:
        return rfc3339(self.clock)

    def _id(self) -> str:
        self.made += 1
        return f"{self.made:026}"

    def _do(self, work: Coroutine[Any, Any, Any], kill: int | None) -> None:
        """Do it; with kill, the process dies at that statement and another starts."""
        self.dying.left = kill
        try:
            self.loop.run(work)
        except sqlite3.OperationalError as error:
            if str(error) != "killed":
                raise
        died = self.dying.left is not None and self.dying.left <= 0
        self.dying.left = None
        self._watch()
        if died:
            self.loop.run(self._start_again())
            self._watch()

    async def _start_again(self) -> None:
        await self.database.close()
        await self._open()
        for row in await self.instances.live():
            settled = self._settled_us(row.id)
            await self.instances.end(row.id, "died", "", self.now, of_use_until=row.last_used_at)
            if row.payer is not None:
                assert self._settled_us(row.id) == max(settled, micros(row.last_used_at)), (
                    "paid until the start"
                )
        for instance in await self.predictions.running():
            await self.predictions.lose_instance(instance, 2, "lost", self.now)

    def _watch(self) -> None:
        """See what became of instances and runs; both begin and end at the present moment."""
        now = micros(self.now)
        for row in self.query("SELECT * FROM instances"):
            seen = self.seen.setdefault(row["id"], Seen(row["payer"], micros(row["created_at"])))
            seen.ready = micros(row["ready_at"]) if row["ready_at"] else None
        going = {(p.id, p.attempt): p for p in self.rows() if p.status is Status.PROCESSING}
        for key, prediction in going.items():
            began = (micros(prediction.started_at or ""), None)
            self.seen[prediction.instance_id or ""].runs.setdefault(key, began)
        for seen in self.seen.values():
            for key, (began_us, ended) in seen.runs.items():
                if ended is None and key not in going:
                    seen.runs[key] = (began_us, now)

    def _settled_us(self, instance: str) -> int:
        (row,) = (row for row in self.query("SELECT * FROM instances") if row["id"] == instance)
        return int(row["settled_us"])

    def query(self, sql: str) -> list[Any]:
        return self.database._here.execute(sql).fetchall()

    def usage(self) -> list[Any]:
        return self.query("SELECT * FROM usage")

    def rows(self) -> list[Prediction]:
        from mainspring.records.predictions import prediction_of

        return [prediction_of(row) for row in self.query("SELECT * FROM predictions ORDER BY id")]

    def live(self, *states: str) -> list[Any]:
        return [row for row in self.query("SELECT * FROM instances ORDER BY id") if row["state"] in states]

    def unfinished(self, status: str) -> list[Prediction]:
        return [p for p in self.rows() if p.status == status]


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
