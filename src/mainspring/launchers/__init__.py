"""The socket between the platform and the place where a model runs: a URL that speaks Cog comes back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """What to start.

    source: the version's unpacked source tree, with `.cog/openapi_schema.json` in it; shared, never written.
    environment: a virtual environment that holds the model's packages, `cog` and `coglet`.
    predictor: `file.py:Name`, relative to source; trains: it is what trains. document: JSON that coglet checks inputs
    by, in place of the source's. weights: a file in a directory of its own that the model reads but can't write, for
    COG_WEIGHTS. slots: predictions at once (COG_MAX_CONCURRENCY).
    shared: directories that it may read, and no more.
    devices: GPU indexes given to it, for CUDA_VISIBLE_DEVICES; gpu_memory: bytes on each that it may take, 0 for all,
    for MAINSPRING_GPU_MEMORY. threads: how many it shall compute with.
    """

    instance_id: str
    source: Path
    environment: Path
    predictor: str
    slots: int = 1
    env: dict[str, str] = field(default_factory=dict)
    devices: tuple[int, ...] = ()
    gpu_memory: int = 0
    threads: int = 1
    trains: bool = False
    document: bytes | None = None
    weights: Path | None = None
    shared: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Launched:
    """A started instance. address: host:port; workdir: its private directory, removed when it ends.

    inbox and outbox are directories under workdir: files that the platform hands to a prediction and files
    that a prediction hands out. pid leads its own process group; pid_started_at is the kernel's start time of
    that pid in clock ticks since boot, so that a reused pid is never mistaken for it.
    """

    address: str
    pid: int
    pid_started_at: int
    workdir: Path
    inbox: Path = field(init=False)
    outbox: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inbox", self.workdir / "inbox")
        object.__setattr__(self, "outbox", self.workdir / "outbox")


class Launcher(Protocol):
    """Starts and ends instances."""

    async def launch(self, spec: LaunchSpec) -> Launched:
        """Start an instance and return at once, before it is ready. Raises LaunchError."""

    async def wait(self, instance: Launched) -> None:
        """Return when its process has ended, at once if it already has."""

    async def terminate(self, instance: Launched, grace_s: float) -> None:
        """Ask it to stop, kill its whole process group after `grace_s`, remove its workdir. Idempotent."""

    def alive(self, instance: Launched) -> bool:
        """Whether its process still runs."""

    def setup_logs(self, instance: Launched) -> str:
        """What it printed outside predictions so far, newest 64 kB."""

    def tidy(self, instance: Launched, prediction_ids: Sequence[str]) -> None:
        """Remove what Cog leaves on disk for finished predictions; it never does itself."""

    async def reap(self, pid: int, pid_started_at: int) -> None:
        """End what an earlier server left behind, if that pid still is that process."""

    def fenced(self, environment: Path, source: Path) -> AbstractAsyncContextManager[tuple[Path, list[str]]]:
        """A directory that a script importing the model may write to, and its Python's arguments before it."""

    async def sweep(self) -> int:
        """End and remove whatever an earlier server left, before anything is launched; how many processes."""
