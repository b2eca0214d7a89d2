"""The life of one instance: launch, wait until it is ready, feed it predictions, let it go."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from structlog.contextvars import bind_contextvars

from mainspring.cogclient import CogClient
from mainspring.core.errors import InstanceLost, LaunchError
from mainspring.core.ids import rfc3339
from mainspring.core.prediction import Prediction
from mainspring.core.queue import Queue
from mainspring.database.hints import Future, release
from mainspring.database.patience import until_written
from mainspring.launchers import Launched
from mainspring.records.catalog import Version
from mainspring.records.instances import Instance
from mainspring.services.attempt import Attempt, Desk, Stage
from mainspring.services.moments import ANSWERING, ENVIRONMENT, NOT_IN_TIME, STARTED, Boot, SetupFailed
from mainspring.services.provision import spec_of
from mainspring.services.vigil import Vigil

log = logging.getLogger(__name__)
_LOOK_AGAIN_S, _QUIET_S = 0.5, 1.0
_MANY_LEAVINGS = 5_000
_POLL_S = (0.005, 0.02, 0.1)
_Leavings = tuple[str, list[Path]]


class Driver:
    """Drives one instance. `reason` says why it went."""

    def __init__(self, row: Instance, desk: Desk) -> None:
        self.id = row.id
        self.leaving = False
        self.reason = "The instance of the model was lost."
        self._row = row
        self._trains = Queue.parse(row.queue).training is not None
        self._boot = Boot(row, desk.now)
        self._desk = desk
        self._fault: str | None = None
        self._launched: Launched | None = None
        self._client: CogClient | None = None
        self._vigil: Vigil | None = None
        self._attempts: dict[str, tuple[Attempt, asyncio.Task[None]]] = {}
        self._leavings: list[_Leavings] = []
        self._beside: set[asyncio.Task[None]] = set()
        self._used = False
        self._gone = self._doubted = False
        self._reserved = 0
        self._on: Stage | None = None
        self._looked_at_mark = -1
        self._look_at = 0.0
        self._ended_at = 0.0
        self._paused: Future | None = None
        self._watch: asyncio.Task[None] | None = None

    async def drive(self) -> None:
        """From the row to the end of the process."""
        bind_contextvars(instance=self.id, model=self._row.model)
        try:
            version = await self._version()
            await self._launch(version)
            await self._become_ready()
            self._on = self._stage(version)
            await self._work(self._on)
        except (SetupFailed, LaunchError) as error:
            self.reason = self._fault = str(error)
            self._desk.observed.boot_failed(self._row.model, self._row.deployment)
            log.warning("the instance did not get ready", extra={"reason": str(error).partition("\n")[0]})
            await self._fail_waiting(str(error))
        finally:
            await self._abandon()

    def leave(self) -> None:
        """Take no more predictions; go when the last one has ended."""
        self.leaving = True
        self._wake()

    def cancel(self, prediction_id: str) -> bool:
        """Begin to ask a running prediction to stop; False when it does not run here or was asked before."""
        found = self._attempts.get(prediction_id)
        if found is None or found[0].canceled:
            return False
        self._aside(found[0].cancel())
        return True

    def take_use(self) -> bool:
        """Whether it worked since this was last asked."""
        used, self._used = self._used or bool(self._attempts), False
        return used

    def tidy(self) -> None:
        """Begin to remove what ended attempts left on disk, when there is nothing better to do or much of it."""
        busy = self._attempts or self._ended_at + _QUIET_S > asyncio.get_running_loop().time()
        if (busy and len(self._leavings) < _MANY_LEAVINGS) or not self._leavings or self._launched is None:
            return
        leavings, self._leavings = self._leavings, []
        self._aside(asyncio.to_thread(self._tidy, self._launched, leavings))

    def attend(self) -> None:
        """Begin to ask whether Cog's server still answers, when it is time to."""
        if self._on is not None and not self._gone and self._vigil is not None and self._vigil.due():
            self._aside(self._ask(self._vigil))

    async def _ask(self, vigil: Vigil) -> None:
        with contextlib.suppress(InstanceLost):
            await vigil.ask()
        self._doubted = vigil.doubts
        if vigil.fault is not None:
            self.reason, self._gone = vigil.fault, True
        self._wake()

    def _works_since(self, moment: float) -> bool:
        return bool(self._attempts) or self._ended_at > moment

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for, least of all the other instances."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def end(self, grace_s: float) -> None:
        """End the process, whatever its state, and note it."""
        logs = ""
        if self._client is not None:
            await self._client.close()
        if self._launched is not None:
            logs = self._desk.launcher.setup_logs(self._launched)
            # One that answers nothing would not hear that it shall stop.
            deaf = self._vigil is not None and self._vigil.fault is not None
            await self._desk.launcher.terminate(self._launched, 0.0 if deaf else grace_s)
        now = rfc3339(self._desk.now())
        await self._desk.instances.end(self.id, self.reason, logs, now, self._fault)

    async def _version(self) -> Version:
        version = await self._desk.catalog.get_version(self._row.model, self._row.version)
        if version is None:
            raise SetupFailed("The version was deleted.")
        return version

    def _stage(self, version: Version) -> Stage:
        assert self._launched is not None
        assert self._client is not None
        catalog, kind = self._desk.catalog, "training" if self._trains else "prediction"
        schema, output = catalog.input_schema(version, kind), catalog.output_kind(version, kind)
        return Stage(self._launched, self._client, schema, output, self._boot)

    async def _launch(self, version: Version) -> None:
        self._boot.reached(ENVIRONMENT)
        self._launched = launched = await self._desk.launcher.launch(
            await spec_of(self._row, version, self._desk)
        )
        self._boot.reached(STARTED)
        self._client = client = CogClient(launched.address)
        patience_s = self._desk.settings.health_timeout_s
        self._vigil = Vigil(self.id, client, patience_s, self._works_since)
        process = (launched.address, launched.pid, launched.pid_started_at)
        await self._desk.instances.launched(self.id, *process, self._boot.text())
        self._watch = asyncio.create_task(self._watch_process(launched))

    async def _watch_process(self, launched: Launched) -> None:
        await self._desk.launcher.wait(launched)
        self._gone = True
        self._wake()

    async def _become_ready(self) -> None:
        loop = asyncio.get_running_loop()
        began, limit = loop.time(), self._desk.settings.setup_timeout_s
        while not self.leaving:
            if self._gone:
                raise SetupFailed(f"Model setup failed: the process ended.\n{self._setup_logs()}".strip())
            if await self._is_ready():
                break
            waited = loop.time() - began
            if waited > limit:
                raise SetupFailed(NOT_IN_TIME.format(limit))
            await asyncio.sleep(_POLL_S[0] if waited < 1 else _POLL_S[1] if waited < 10 else _POLL_S[2])
        now = rfc3339(self._desk.now())
        self._desk.feed.history.booted(self._row.queue, took := self._boot.ready(now))
        self._desk.observed.booted(self._row.model, self._row.deployment, took)
        log.info("the instance is ready after %.3f s", took)
        told, ready = (self._setup_logs(), now, self._boot.text()), self._desk.instances.ready
        await until_written(lambda: ready(self.id, *told))
        self._desk.hints.hint("scale")

    async def _is_ready(self) -> bool:
        assert self._vigil is not None
        try:
            health = await self._vigil.ask()
        except InstanceLost:
            return False
        if self._vigil.fault is not None:
            raise SetupFailed(f"Model setup failed: {self._vigil.fault}")
        if health is None:
            return False
        if self._boot.reached(ANSWERING):
            await self._desk.instances.stepped(self.id, self._boot.text())
        if health.worker_lost:
            raise SetupFailed(f"Model setup failed: {health.error}")
        if health.status == "SETUP_FAILED":
            raise SetupFailed(f"Model setup failed: {health.error or health.logs}".strip())
        return health.status in ("READY", "BUSY", "UNHEALTHY")

    async def _work(self, stage: Stage) -> None:
        topic = f"queue:{self._row.queue}"
        self._desk.feed.offer(self._row.queue, self)
        try:
            while not self._gone and not (self.leaving and not self._attempts and not self._reserved):
                mark = self._desk.hints.mark(topic)
                free = self._free()
                if free > 0 and self._should_look(mark) and await self._take(stage, free, mark):
                    continue
                self._paused = asyncio.get_running_loop().create_future()
                if free > 0:
                    await self._desk.hints.wait(topic, _LOOK_AGAIN_S, since=mark, future=self._paused)
                else:
                    await self._paused
        finally:
            self._desk.feed.withdraw(self._row.queue, self)
        if not self._gone:
            self.reason = "stopped"

    def _should_look(self, mark: int) -> bool:
        """Whether anything may wait: something was hinted at or is known to wait, or it is time to make sure."""
        due = asyncio.get_running_loop().time() >= self._look_at
        return due or mark != self._looked_at_mark or self._desk.feed.waiting(self._row.queue) > 0

    async def _take(self, stage: Stage, free: int, mark: int) -> bool:
        """Claim up to `free` predictions and start them; whether to look again at once."""
        self._looked_at_mark = mark
        self._look_at = asyncio.get_running_loop().time() + _LOOK_AGAIN_S
        now = rfc3339(self._desk.now())
        self._reserved += free
        try:
            claimed = await until_written(lambda: self._claim(free, now))
        finally:
            self._reserved -= free
        if claimed:
            self._desk.feed.moved(self._row.queue, -len(claimed))
        for prediction in claimed:
            self._start(prediction, stage)
        return len(claimed) == free or self._gone or self.leaving

    async def _claim(self, limit: int, now: str) -> list[Prediction]:
        return [] if self._gone else await self._desk.predictions.claim(self._row.queue, self.id, limit, now)

    def reserve(self) -> bool:
        """Hold a free slot for a prediction that is about to be stored."""
        if self._gone or self._free() <= 0:
            return False
        self._reserved += 1
        return True

    def release(self) -> None:
        """Give the held slot back."""
        self._reserved -= 1
        self._wake()

    def begin(self, prediction: Prediction) -> None:
        """Run a stored prediction in the held slot."""
        self._reserved -= 1
        assert self._on is not None
        self._start(prediction, self._on)

    def _free(self) -> int:
        return 0 if self.leaving or self._doubted else self._row.slots - len(self._attempts) - self._reserved

    def _start(self, prediction: Prediction, stage: Stage) -> None:
        attempt = Attempt(prediction, stage, self._desk)
        self._attempts[prediction.id] = (attempt, asyncio.create_task(self._perform(attempt)))

    async def _perform(self, attempt: Attempt) -> None:
        try:
            await attempt.perform()
        except InstanceLost as error:
            self.reason, self._gone = str(error), True
        except Exception:
            log.exception("the platform failed", extra={"prediction": attempt.prediction.id})
            self.reason, self._gone = "The platform failed to drive the model.", True
        finally:
            self._attempts.pop(attempt.prediction.id, None)
            self._leavings.append((attempt.prediction.id, attempt.leavings()))
            self._used = True
            self._ended_at = asyncio.get_running_loop().time()
            if attempt.stuck or self._trains:
                self.leaving = True
            self._wake()

    async def _abandon(self) -> None:
        """The instance goes: so do its attempts; what they did not finish is queued again by the ledger."""
        tasks = [*(task for _, task in self._attempts.values()), *self._beside]
        if self._watch is not None:
            tasks.append(self._watch)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fail_waiting(self, error: str) -> None:
        """Setup failed: who waits is told, unless another instance is ready to serve them."""
        if any(i.state == "ready" for i in await self._desk.instances.serving(self._row.queue)):
            return
        told = (error, self._setup_logs(), rfc3339(self._desk.now()), json.dumps(self._boot.moments()))
        failed = await self._desk.predictions.fail_queue(self._row.queue, *told)
        for prediction in failed:
            self._desk.feed.close_waiting(prediction)

    def _tidy(self, launched: Launched, leavings: list[_Leavings]) -> None:
        self._desk.launcher.tidy(launched, [prediction_id for prediction_id, _ in leavings])
        for _, directories in leavings:
            for directory in directories:
                shutil.rmtree(directory, ignore_errors=True)

    def _setup_logs(self) -> str:
        return self._desk.launcher.setup_logs(self._launched) if self._launched is not None else ""

    def _wake(self) -> None:
        if self._paused is not None:
            release(self._paused)
