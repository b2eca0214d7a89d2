"""What this machine offers to models, and how much of it is in use."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mainspring.core.placement import Capacity, Device
from mainspring.launchers.gpus import Devices, Gpu, Simulated, find_devices
from mainspring.launchers.processes import Process, processes

_FOR_MODELS = 0.9
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine at one moment. load: processes that want a core, over the last minute; memory in bytes."""

    cpus: float
    load: float
    memory: int
    memory_available: int
    gpus: tuple[Gpu, ...]


class Machine:
    """This machine. devices: its GPUs. taken: bytes of each that others than our instances hold, by index."""

    def __init__(self, devices: Devices | None = None) -> None:
        self._devices = devices or find_devices("auto")
        self._found: tuple[Gpu, ...] = ()
        self.taken: Mapping[int, int] = {}

    def capacity(self) -> Capacity:
        """Cores that this process may use, nine tenths of the memory, and the GPUs as they were found first."""
        self._found = self._found or self._devices.read()
        devices = tuple(Device(gpu.index, gpu.memory, self.taken.get(gpu.index, 0)) for gpu in self._found)
        return Capacity(_cores(), int(_memory() * _FOR_MODELS), len(devices), devices)

    @property
    def real_gpus(self) -> int:
        """How many GPUs are there that code can run on."""
        return 0 if isinstance(self._devices, Simulated) else self.capacity().gpus

    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs as they are now."""
        return self._devices.read()

    def processes(self) -> Iterable[Process]:
        """Every process that can be seen."""
        return processes()

    def read(self) -> Reading:
        """How it is now; takes some milliseconds with GPUs."""
        load = os.getloadavg()[0]
        return Reading(_cores(), load, _memory(), _available(), self._devices.read())


def _cores() -> float:
    return float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _available() -> int:
    try:
        lines = (line.split() for line in (_PROC / "meminfo").read_text().splitlines())
        return next(int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:")
    except (OSError, StopIteration):
        return _memory()
