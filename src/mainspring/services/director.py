"""Brings instances up, keeps them at work and lets them go: one driver for each row of the ledger."""

from __future__ import annotations

import asyncio
import logging

from mainspring.core.ids import rfc3339
from mainspring.core.prediction import Prediction
from mainspring.records.instances import Instance
from mainspring.services.attempt import Desk
from mainspring.services.driver import Driver

log = logging.getLogger(__name__)
_STOP_GRACE_S = 5.0
_BURY_AGAIN_S = 1.0


class Director:
    """Adopts what the ledger wants booted, tells drivers what it wants stopped or canceled."""

    topic = "instances"
    interval_s = 0.5

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._drivers: dict[str, Driver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._accepting = True
        self._stop_grace_s = _STOP_GRACE_S

    async def run_once(self) -> int:
        """Look at the rows once. Returns how many drivers it started or told something."""
        changed = 0
        for each in self._drivers.values():
            each.attend()
        for row in await self._desk.instances.live():
            driver = self._drivers.get(row.id)
            if driver is None and row.state == "booting" and self._accepting:
                self._adopt(row)
                changed += 1
            elif driver is not None and row.state == "stopping" and not driver.leaving:
                driver.leave()
                changed += 1
        for prediction_id in await self._desk.predictions.canceling():
            changed += sum([driver.cancel(prediction_id) for driver in self._drivers.values()])
        await self._note_use()
        for driver in self._drivers.values():
            driver.tidy()
        return changed

    async def recover(self) -> None:
        """End what an earlier server left: its processes, its instances, its claims."""
        for row in await self._desk.instances.live():
            if row.pid is not None and row.pid_started_at is not None:
                await self._desk.launcher.reap(row.pid, row.pid_started_at)
            now = rfc3339(self._desk.now())
            await self._desk.instances.end(
                row.id, "the server was gone", row.setup_logs, now, of_use_until=row.last_used_at
            )
        await self._desk.launcher.sweep()
        for instance_id in await self._desk.predictions.running():
            await self._lose(instance_id, "The server stopped while this prediction ran.")

    async def close(self, grace_s: float) -> None:
        """Take no more work, let running predictions end within grace_s, then stop every instance."""
        self._accepting = False
        for driver in self._drivers.values():
            driver.leave()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace_s)
        self._stop_grace_s = min(self._stop_grace_s, grace_s)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def hurry(self) -> None:
        """Wait for nothing any more."""
        self._stop_grace_s = 0.0
        for task in self._tasks.values():
            task.cancel()

    def _adopt(self, row: Instance) -> None:
        driver = Driver(row, self._desk)
        self._drivers[row.id] = driver
        self._tasks[row.id] = asyncio.create_task(self._drive(driver), name=f"instance {row.id}")

    async def _drive(self, driver: Driver) -> None:
        try:
            await driver.drive()
        except Exception:
            log.exception("the instance failed", extra={"instance": driver.id})
        finally:
            await asyncio.shield(self._bury(driver))

    async def _bury(self, driver: Driver) -> None:
        """End it and free what it held. Half done, nobody else would: it is tried until it is done, or we stop."""
        while not await self._buried(driver) and self._accepting:
            await asyncio.sleep(_BURY_AGAIN_S)
        self._drivers.pop(driver.id, None)
        self._tasks.pop(driver.id, None)
        self._desk.hints.hint("scale")

    async def _buried(self, driver: Driver) -> bool:
        try:
            await driver.end(self._stop_grace_s)
            await self._desk.scribe.run_once()
            await self._lose(driver.id, driver.reason)
        except Exception:
            log.exception("instance %s could not be ended", driver.id)
            return False
        return True

    async def _lose(self, instance_id: str, error: str) -> None:
        """Queue again what it was running, or end it when it has been tried often enough."""
        now, attempts = rfc3339(self._desk.now()), self._desk.settings.max_attempts
        again, ended = await self._desk.predictions.lose_instance(instance_id, attempts, error, now)
        for prediction in again:
            self._desk.feed.moved(prediction.queue, 1)
            self._desk.hints.hint_one(f"queue:{prediction.queue}")
            self._desk.feed.open(prediction.id).restart()
            log.warning("the prediction runs again: %s", error, extra=_about(prediction, instance_id))
            if self._desk.story is not None:
                self._desk.story.lost(prediction, prediction.attempt, error, self._desk.now())
        for prediction in ended:
            self._desk.feed.close(prediction)

    async def _note_use(self) -> None:
        now = rfc3339(self._desk.now())
        for driver in self._drivers.values():
            if driver.take_use():
                await self._desk.instances.used(driver.id, now)


def _about(prediction: Prediction, instance_id: str) -> dict[str, str]:
    return {"prediction": prediction.id, "model": prediction.model, "instance": instance_id}
