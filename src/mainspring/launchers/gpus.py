"""The socket between the platform and the GPUs of this machine: what they have, and who uses how much of it."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mainspring.core.errors import MainspringError

_SIMULATED = re.compile(r"(?P<number>[1-9]\d?)x(?P<gib>[1-9]\d{0,3})")
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg")


class DevicesError(MainspringError):
    """The GPUs are described in a way that can't be used."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU at one moment. index: in the order of the PCI bus; minor: of its device file; sizes are bytes.

    busy: share of time with a kernel on it lately, 0 to 1; None where the driver does not tell. processes: bytes by
    pid, as far as the driver tells; temperature in degrees Celsius, power in watts.
    """

    index: int
    uuid: str
    name: str
    memory: int
    used: int = 0
    busy: float | None = None
    minor: int | None = None
    temperature: int | None = None
    power: float | None = None
    processes: Mapping[int, int] = field(default_factory=dict)


class Devices(Protocol):
    """Looks at the GPUs."""

    def read(self) -> tuple[Gpu, ...]:
        """All that models may use, by index; none without a driver."""


class Simulated:
    """GPUs that are not there, for trials of where instances are placed. gpus can be set at any time."""

    def __init__(self, gpus: tuple[Gpu, ...]) -> None:
        self.gpus = gpus

    @classmethod
    def of(cls, number: int, memory: int) -> Simulated:
        """So many, each with so many bytes."""
        return cls(tuple(Gpu(i, f"GPU-simulated-{i}", "Simulated GPU", memory) for i in range(number)))

    def read(self) -> tuple[Gpu, ...]:
        """All of them."""
        return self.gpus


class Nvml:
    """NVIDIA's library. visible: as CUDA_VISIBLE_DEVICES has it, indexes and UUIDs; None for all."""

    def __init__(self, visible: str | None = None) -> None:
        self._visible = None if visible is None else [part.strip() for part in visible.split(",")]
        self._handles: list[tuple[int, Any]] | None = None

    def read(self) -> tuple[Gpu, ...]:
        """What the driver says now; none without a driver, or while it fails."""
        import pynvml

        try:
            if self._handles is None:
                pynvml.nvmlInit()
                handles = enumerate(
                    map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
                )
                self._handles = [(index, each) for index, each in handles if self._sees(index, each)]
            return tuple(_read(index, handle) for index, handle in self._handles)
        except pynvml.NVMLError:
            self._handles = None
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()
            return ()

    def _sees(self, index: int, handle: Any) -> bool:
        import pynvml

        if self._visible is None:
            return True
        uuid = _text(pynvml.nvmlDeviceGetUUID(handle))
        return any(part == str(index) or (part and uuid.startswith(part)) for part in self._visible)


def find_devices(described: str) -> Devices:
    """auto: what NVML finds; off: none; like 2x24: two simulated ones of 24 GiB. Raises DevicesError for others."""
    if described == "off":
        return Simulated(())
    if (found := _SIMULATED.fullmatch(described)) is not None:
        return Simulated.of(int(found["number"]), int(found["gib"]) << 30)
    if described != "auto":
        raise DevicesError(f"gpus must be auto, off, or like 2x24 (simulated ones), not {described!r}")
    if not any(os.path.exists(path) for path in _DRIVERS):
        return Simulated(())
    return Nvml(os.environ.get("CUDA_VISIBLE_DEVICES"))


def device_files(indexes: Iterable[int]) -> list[str]:
    """The device files of GPUs: in a container that has some of a machine's, their numbers are not their indexes."""
    minors = _minors()
    return [f"/dev/nvidia{minors.get(index, index)}" for index in indexes]


@functools.cache
def _minors() -> dict[int, int]:
    return {gpu.index: gpu.minor for gpu in find_devices("auto").read() if gpu.minor is not None}


def _read(index: int, handle: Any) -> Gpu:
    import pynvml

    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    busy = _told(pynvml.nvmlDeviceGetUtilizationRates, handle)
    power = _told(pynvml.nvmlDeviceGetPowerUsage, handle)
    running = _told(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
    return Gpu(
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        memory=int(memory.total),
        used=int(memory.used),
        busy=None if busy is None else busy.gpu / 100,
        minor=_told(pynvml.nvmlDeviceGetMinorNumber, handle),
        temperature=_told(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power=None if power is None else power / 1000,
        processes={int(one.pid): int(one.usedGpuMemory) for one in running if one.usedGpuMemory is not None},
    )


def _told(ask: Any, *arguments: Any) -> Any:
    """What the driver answers; None for what this card or this container does not tell."""
    import pynvml

    try:
        return ask(*arguments)
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
