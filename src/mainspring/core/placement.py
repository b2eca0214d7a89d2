"""Whether another instance fits on this machine, and what would have to go: a pure decision.

A GPU is shared as long as what is set aside on it fits; an instance whose need is not known has its GPUs for itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

_MOST_CHOICES = 100


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU. memory: bytes, 0 when not known; taken: bytes that others than our instances hold of it."""

    index: int
    memory: int
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machine has: cores, bytes of memory for models, number of GPUs, and what is known of each."""

    cpus: float
    memory: int
    gpus: int
    devices: tuple[Device, ...] = ()

    @property
    def all_devices(self) -> tuple[Device, ...]:
        """One for each GPU, whether or not anything is known of it."""
        return self.devices or tuple(Device(index, 0) for index in range(self.gpus))


@dataclass(frozen=True, slots=True)
class Need:
    """What one instance takes. gpu_memory: bytes on each of its GPUs, 0 for all that they have."""

    cpus: float
    memory: int
    gpus: int
    gpu_memory: int = 0


@dataclass(frozen=True, slots=True)
class Resident:
    """An instance that holds room. idle_s: how long it has run nothing; None when it may not be evicted.

    gpu_memory: bytes on each of its devices, 0 for all of them. reload: what its going would cost: the seconds of a
    boot for each likely call.
    """

    id: str
    cpus: float
    memory: int
    devices: tuple[int, ...]
    idle_s: float | None
    gpu_memory: int = 0
    reload: float = 0.0


@dataclass(frozen=True, slots=True)
class Placement:
    """fits: it can start now on `devices`. Otherwise `evict` makes room, or, when empty, it has to wait."""

    fits: bool
    devices: tuple[int, ...] = ()
    evict: tuple[str, ...] = ()


def impossible(need: Need, capacity: Capacity) -> str | None:
    """Why it could never run here, even on an empty machine; None when it could."""
    if need.gpus > capacity.gpus:
        return f"it needs {need.gpus} GPU, this machine has {capacity.gpus or 'none'}"
    largest = sorted((d.memory for d in capacity.all_devices), reverse=True)[: need.gpus]
    if largest and 0 < min(largest) < need.gpu_memory:
        of = f"{need.gpu_memory >> 20} MiB on each of {need.gpus} GPU"
        return f"it needs {of}, this machine has {min(largest) >> 20} MiB"
    if need.memory > capacity.memory:
        return f"it needs {need.memory >> 20} MiB of memory, this machine has {capacity.memory >> 20} MiB for models"
    if need.cpus > capacity.cpus:
        return f"it needs {need.cpus:g} cores, this machine has {capacity.cpus:g}"
    return None


def place(need: Need, capacity: Capacity, residents: Sequence[Resident]) -> Placement:
    """Fit beside the residents, as closely as possible, or name those whose going makes room and costs least."""
    choices = _choices(need, capacity, residents)
    fitting = [devices for devices in choices if _fits(need, capacity, devices, residents)]
    if fitting:
        best = min(fitting, key=lambda devices: _left_over(need, devices, residents))
        return Placement(fits=True, devices=tuple(d.index for d in best))
    ways = [gone for devices in choices if (gone := _evictions(need, capacity, devices, residents))]
    cheapest = min(ways, key=_cost, default=())
    return Placement(fits=False, evict=tuple(r.id for r in cheapest))


def without(residents: Iterable[Resident], ids: Iterable[str]) -> tuple[Resident, ...]:
    """The residents but those."""
    gone = set(ids)
    return tuple(r for r in residents if r.id not in gone)


def _choices(need: Need, capacity: Capacity, residents: Sequence[Resident]) -> list[tuple[Device, ...]]:
    """Sets of devices that it might get; where there are too many, the ones that look best one by one."""
    devices = capacity.all_devices
    if math.comb(len(devices), need.gpus) <= _MOST_CHOICES:
        return list(combinations(devices, need.gpus))

    def trouble(device: Device) -> tuple[int, float, int]:
        here = _on(device, residents)
        return sum(r.idle_s is None for r in here), sum(r.reload for r in here), len(here)

    ranked = sorted(devices, key=trouble)
    return [tuple(ranked[start : start + need.gpus]) for start in range(len(ranked) - need.gpus + 1)]


def _fits(need: Need, capacity: Capacity, devices: tuple[Device, ...], residents: Sequence[Resident]) -> bool:
    if sum(r.memory for r in residents) + need.memory > capacity.memory:
        return False
    if sum(r.cpus for r in residents) + need.cpus > capacity.cpus + 1e-9:
        return False
    return all(_free(device, residents) >= max(need.gpu_memory, 1) for device in devices) and all(
        need.gpu_memory or not _on(device, residents) for device in devices
    )


def _on(device: Device, residents: Sequence[Resident]) -> list[Resident]:
    return [r for r in residents if device.index in r.devices]


def _free(device: Device, residents: Sequence[Resident]) -> int:
    """Bytes that another may have; of a GPU of unknown size all or nothing."""
    here = _on(device, residents)
    if not device.memory:
        return 0 if here else 1 << 62
    if any(not r.gpu_memory for r in here):
        return 0
    return device.memory - device.taken - sum(r.gpu_memory for r in here)


def _left_over(
    need: Need, devices: tuple[Device, ...], residents: Sequence[Resident]
) -> tuple[int, tuple[int, ...]]:
    """The less a shared GPU has left, the better; who wants all of one gets the one with the most."""
    free = sum(_free(d, residents) for d in devices)
    return free if need.gpu_memory else -free, tuple(d.index for d in devices)


def _evictions(
    need: Need, capacity: Capacity, devices: tuple[Device, ...], residents: Sequence[Resident]
) -> tuple[Resident, ...]:
    """The cheapest that would have to go for these devices; none when that is not enough."""
    evictable = sorted(
        (r for r in residents if r.idle_s is not None), key=lambda r: (r.reload, -(r.idle_s or 0))
    )

    def enough(gone: Sequence[Resident]) -> bool:
        return _fits(need, capacity, devices, without(residents, (r.id for r in gone)))

    count = next((n for n in range(1, len(evictable) + 1) if enough(evictable[:n])), None)
    if count is None:
        return ()
    several = evictable[:count]
    for dear in reversed(evictable[:count]):
        fewer = [r for r in several if r is not dear]
        if fewer and enough(fewer):
            several = fewer
    single = next((r for r in evictable if enough((r,))), None)
    return min((tuple(several), (single,)) if single else (tuple(several),), key=_cost)


def _cost(gone: tuple[Resident, ...]) -> tuple[float, int, float]:
    return sum(r.reload for r in gone), len(gone), -sum(r.idle_s or 0 for r in gone)
