"""A launcher that starts fakes in this process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from mainspring.core.errors import LaunchError
from mainspring.launchers import Launched, LaunchSpec
from mainspring.testing.cog import FakeCog


class FakeLauncher:
    """Implements Launcher with FakeCogs in this process.

    make: the FakeCog for a spec. launches: all specs, in order; cogs: living ones by instance id. refuse: a
    text with which the next launches fail. tidied: prediction ids.
    """

    def __init__(self, root: Path, make: Callable[[LaunchSpec], FakeCog] | None = None) -> None:
        self.root = root
        self.make = make or (lambda spec: FakeCog(slots=spec.slots))
        self.launches: list[LaunchSpec] = []
        self.cogs: dict[str, FakeCog] = {}
        self.terminated: list[str] = []
        self.tidied: list[str] = []
        self.reaped: list[int] = []
        self.refuse: str | None = None
        self._ended: dict[str, asyncio.Event] = {}
        self._pids = itertools.count(1_000_000_000)

    async def launch(self, spec: LaunchSpec) -> Launched:
        """Start a FakeCog. Raises LaunchError if `refuse` is set."""
        self.launches.append(spec)
        if self.refuse is not None:
            raise LaunchError(self.refuse)
        cog = self.make(spec)
        launched = Launched(await cog.start(), next(self._pids), 1, self.root / spec.instance_id)
        launched.inbox.mkdir(parents=True)
        launched.outbox.mkdir()
        self.cogs[spec.instance_id] = cog
        self._ended[spec.instance_id] = asyncio.Event()
        return launched

    async def die(self, instance_id: str) -> None:
        """Let an instance's process end as by SIGKILL."""
        await self.cogs.pop(instance_id).close()
        self._ended[instance_id].set()

    async def wait(self, instance: Launched) -> None:
        """Return when it has died or was terminated."""
        await self._ended[instance.workdir.name].wait()

    async def terminate(self, instance: Launched, grace_s: float) -> None:
        """End it and remove its workdir."""
        self.terminated.append(instance.workdir.name)
        if self.alive(instance):
            await self.die(instance.workdir.name)
        shutil.rmtree(instance.workdir, ignore_errors=True)

    def alive(self, instance: Launched) -> bool:
        """Whether it was neither terminated nor died."""
        return instance.workdir.name in self.cogs

    def setup_logs(self, instance: Launched) -> str:
        """Its FakeCog's setup logs."""
        cog = self.cogs.get(instance.workdir.name)
        return cog.setup_logs if cog is not None else ""

    def tidy(self, instance: Launched, prediction_ids: Sequence[str]) -> None:
        """Note the ids."""
        self.tidied.extend(prediction_ids)

    async def reap(self, pid: int, pid_started_at: int) -> None:
        """Note the pid."""
        self.reaped.append(pid)

    @contextlib.asynccontextmanager
    async def fenced(self, environment: Path, source: Path) -> AsyncIterator[tuple[Path, list[str]]]:
        """Nothing is imported here."""
        raise LaunchError("A fake launcher imports no models")
        yield

    async def check(self) -> str:
        """Nothing is kept apart. Raises LaunchError if `refuse` is set."""
        if self.refuse is not None:
            raise LaunchError(self.refuse)
        return "none"

    async def sweep(self) -> int:
        """Nothing of this process outlives it."""
        return 0

    async def close(self) -> None:
        """End all that are left."""
        for instance_id in list(self.cogs):
            with contextlib.suppress(KeyError):
                await self.die(instance_id)
