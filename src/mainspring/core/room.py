"""Who has to make room for whom: a pure decision, fair over time.

An idle instance goes when somebody wants its room, but not before it has been there as long as its boot took: so at
most half of the time goes into boots. One that works, or whose own line waits, is drained for a line that has no
instance at all and is starved; it has been there for twice its boot by then. What a hungrier line waits for is its
claim: nobody else gets in there. A line's hunger begins anew when its last instance went, so lines take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mainspring.core.placement import Capacity, Need, Resident, place, without

STARVED_S = 30.0
CROWDED_S = 2.0
LONGEST_HOLD_S = 60.0
LONGEST_TURN_S = 600.0
_WORKS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A live instance: what it holds, and what it does.

    state: booting, ready or stopping. waits: its own line has more waiting. kept: it is wanted whether or not anything
    waits, or trains. siblings: others of its line that are ready. ready_s, idle_s, boot_s: seconds since it got ready
    and since it worked, and that a boot of it takes. calls: for its line, in the last hour.
    """

    id: str
    queue: str
    cpus: float
    memory: int
    devices: tuple[int, ...]
    gpu_memory: int = 0
    state: str = "ready"
    running: int = 0
    waits: bool = False
    kept: bool = False
    siblings: int = 0
    ready_s: float = 0.0
    idle_s: float = 0.0
    boot_s: float = 0.0
    calls: float = 0.0

    @property
    def works(self) -> bool:
        """Whether there is something for it to do."""
        return self.waits or self.running > 0


@dataclass(frozen=True, slots=True)
class Seeker:
    """A line that wants one more instance. hungry_s: how long it has waited; first: it has none that stays."""

    queue: str
    need: Need
    hungry_s: float
    first: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """fits: it can start now on devices. Otherwise these are to be stopped (idle) and drained (at work), if any.

    claim: what is kept free for it meanwhile.
    """

    fits: bool
    devices: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    claim: Resident | None = None


def seek(
    seeker: Seeker, capacity: Capacity, tenants: Sequence[Tenant], claims: Sequence[Resident] = ()
) -> Offer:
    """What a line gets now. claims: of lines that were asked before."""
    residents = (*(_resident(t, _gives_way(t, seeker)) for t in tenants), *claims)
    found = place(seeker.need, capacity, residents)
    if found.fits:
        return Offer(fits=True, devices=found.devices)
    leaving = [t.id for t in tenants if t.state == "stopping"]
    if (claim := _claim(seeker, capacity, without(residents, leaving))) is not None:
        return Offer(fits=False, claim=claim)
    found = place(seeker.need, capacity, without(residents, leaving)) if leaving else found
    if found.evict:
        working = {t.id for t in tenants if t.works}
        return Offer(
            fits=False,
            stop=tuple(i for i in found.evict if i not in working),
            drain=tuple(i for i in found.evict if i in working),
            claim=_claim(seeker, capacity, without(residents, (*leaving, *found.evict))),
        )
    return Offer(fits=False, claim=_future(seeker, capacity, tenants, claims))


def hold_s(tenant: Tenant) -> float:
    """How long it stays at least once it is ready."""
    if tenant.works and not tenant.siblings:
        return min(max(2 * tenant.boot_s, STARVED_S), LONGEST_TURN_S)
    return min(tenant.boot_s, LONGEST_HOLD_S)


def _gives_way(tenant: Tenant, seeker: Seeker) -> bool:
    if tenant.state != "ready" or tenant.kept or tenant.queue == seeker.queue:
        return False
    if tenant.ready_s < hold_s(tenant):
        return False
    if not tenant.works:
        return True
    return seeker.first and seeker.hungry_s >= (CROWDED_S if tenant.siblings else STARVED_S)


def _resident(tenant: Tenant, goes: bool) -> Resident:
    """What it holds; its reload is dear beyond measure while it works, the dearer the more it runs."""
    reload = tenant.boot_s * tenant.calls + _WORKS * (tenant.works + tenant.running)
    idle_s = tenant.idle_s if goes else None
    return Resident(tenant.id, tenant.cpus, tenant.memory, tenant.devices, idle_s, tenant.gpu_memory, reload)


def _claim(seeker: Seeker, capacity: Capacity, residents: Sequence[Resident]) -> Resident | None:
    found, need = place(seeker.need, capacity, residents), seeker.need
    if not found.fits:
        return None
    return Resident(f"for {seeker.queue}", need.cpus, need.memory, found.devices, None, need.gpu_memory)


def _future(
    seeker: Seeker, capacity: Capacity, tenants: Sequence[Tenant], claims: Sequence[Resident]
) -> Resident | None:
    """For a starved line, the room that it gets once those in it may be sent away: so that nobody else moves in."""
    if not seeker.first or seeker.hungry_s < STARVED_S:
        return None
    in_time = (replace(t, kept=True) if t.queue == seeker.queue else t for t in tenants)
    residents = (*(_resident(t, not t.kept) for t in in_time), *claims)
    found = place(seeker.need, capacity, residents)
    return _claim(seeker, capacity, without(residents, found.evict)) if found.evict else None
