"""Whether another instance fits on this machine, and what would have to go: a pure decision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machine has: cores, bytes of memory for models, number of GPUs."""

    cpus: float
    memory: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Need:
    """What one instance takes."""

    cpus: float
    memory: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Resident:
    """An instance that holds room. idle_s: how long it has run nothing; None when it may not be evicted."""

    id: str
    cpus: float
    memory: int
    devices: tuple[int, ...]
    idle_s: float | None


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
    if need.memory > capacity.memory:
        return f"it needs {need.memory >> 20} MiB of memory, this machine has {capacity.memory >> 20} MiB for models"
    if need.cpus > capacity.cpus:
        return f"it needs {need.cpus:g} cores, this machine has {capacity.cpus:g}"
    return None


def place(need: Need, capacity: Capacity, residents: tuple[Resident, ...]) -> Placement:
    """Fit beside the residents, or name the fewest longest-idle ones whose going makes it fit."""
    evictable = sorted((r for r in residents if r.idle_s is not None), key=lambda r: -(r.idle_s or 0))
    gone: list[Resident] = []
    for candidate in (None, *evictable):
        if candidate is not None:
            gone.append(candidate)
        devices = _devices(need, capacity, [r for r in residents if r not in gone])
        if devices is not None:
            needed = _thin(need, capacity, residents, gone)
            return Placement(fits=not needed, devices=devices if not needed else (), evict=needed)
    return Placement(fits=False)


def _thin(
    need: Need, capacity: Capacity, residents: tuple[Resident, ...], gone: list[Resident]
) -> tuple[str, ...]:
    """Spare those whose going does not help."""
    keep = list(gone)
    for resident in gone:
        fewer = [r for r in keep if r is not resident]
        if _devices(need, capacity, [r for r in residents if r not in fewer]) is not None:
            keep = fewer
    return tuple(r.id for r in keep)


def _devices(need: Need, capacity: Capacity, residents: list[Resident]) -> tuple[int, ...] | None:
    """GPU indexes that it would get beside these residents, or None when there is no room."""
    taken = {d for r in residents for d in r.devices}
    free = tuple(d for d in range(capacity.gpus) if d not in taken)
    if len(free) < need.gpus:
        return None
    if sum(r.memory for r in residents) + need.memory > capacity.memory:
        return None
    if sum(r.cpus for r in residents) + need.cpus > capacity.cpus + 1e-9:
        return None
    return free[: need.gpus]
