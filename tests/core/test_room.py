"""Who makes room for whom, in tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mainspring.core.placement import Capacity, Device, Need, Placement, Resident, impossible, place
from mainspring.core.room import Offer, Seeker, Tenant, hold_s, seek

GIB = 1 << 30
ONE = Capacity(8, 64 * GIB, 1, (Device(0, 24 * GIB),))
TWO = Capacity(8, 64 * GIB, 2, (Device(0, 24 * GIB), Device(1, 24 * GIB)))
WHOLE = Need(0.5, GIB, 1)


def tenant(name: str = "a", **given: Any) -> Tenant:
    fields = {"ready_s": 1000.0, "idle_s": 10.0, "boot_s": 20.0, "devices": (0,)} | given
    return Tenant(id=name, queue=name, cpus=0.5, memory=GIB, **fields)


def seeker(hungry_s: float = 1.0, need: Need = WHOLE, first: bool = True) -> Seeker:
    return Seeker("me", need, hungry_s, first)


@pytest.mark.parametrize(
    ("holder", "asks", "stop", "drain"),
    [
        pytest.param(tenant(), seeker(), ("a",), (), id="the idle one goes"),
        pytest.param(tenant(ready_s=19), seeker(), (), (), id="not before it was there as long as it booted"),
        pytest.param(tenant(ready_s=61, boot_s=600), seeker(), ("a",), (), id="a minute is enough"),
        pytest.param(tenant(state="booting"), seeker(99), (), (), id="who boots may boot"),
        pytest.param(tenant(kept=True), seeker(999), (), (), id="the kept one stays"),
        pytest.param(tenant(running=1), seeker(29), (), (), id="the busy one may work"),
        pytest.param(tenant(running=1), seeker(30), (), ("a",), id="until another line is starved"),
        pytest.param(tenant(waits=True), seeker(30), (), ("a",), id="also when its own line waits"),
        pytest.param(tenant(running=1, ready_s=39), seeker(99), (), (), id="it has its turn"),
        pytest.param(tenant(running=1), seeker(99, first=False), (), (), id="not for a second instance"),
        pytest.param(tenant(running=1, siblings=1), seeker(2), (), ("a",), id="one of several goes sooner"),
        pytest.param(replace(tenant(), queue="me"), seeker(99), (), (), id="not for its own line"),
    ],
)
def test_who_goes(holder: Tenant, asks: Seeker, stop: tuple[str, ...], drain: tuple[str, ...]) -> None:
    offer = seek(asks, ONE, [holder])
    assert (offer.fits, offer.stop, offer.drain) == (False, stop, drain)


def test_the_one_whose_reload_costs_least_goes() -> None:
    often, dear = tenant("often", calls=60), tenant("dear", calls=1, boot_s=600, devices=(1,))
    assert seek(seeker(), TWO, [often, dear]).stop == ("dear",)
    assert seek(seeker(), TWO, [often, replace(dear, calls=3)]).stop == ("often",)
    never = [replace(often, calls=0), replace(dear, calls=0, idle_s=99)]
    assert seek(seeker(), TWO, never).stop == ("dear",)


def test_the_idle_one_goes_before_the_busy_one() -> None:
    tenants = [tenant("busy", running=1), tenant("idle", calls=1e6, devices=(1,))]
    assert seek(seeker(99), TWO, tenants).stop == ("idle",)


def test_what_is_about_to_be_free_is_waited_for_and_claimed() -> None:
    offer = seek(seeker(), TWO, [tenant("a", state="stopping"), tenant("b", devices=(1,))])
    assert (offer.stop, offer.drain) == ((), ())
    assert offer.claim is not None
    assert offer.claim.devices == (0,)


def test_nobody_gets_in_where_a_hungrier_line_waits() -> None:
    both = Need(0.5, GIB, 2)
    first = seek(seeker(40, both), TWO, [tenant("busy", running=1, ready_s=5)])
    assert (first.fits, first.stop, first.drain) == (False, (), ())
    assert first.claim is not None
    assert first.claim.devices == (0, 1)
    other = Seeker("other", WHOLE, 1, True)
    assert seek(other, TWO, [tenant("busy", running=1, ready_s=5)]).fits
    assert not seek(other, TWO, [tenant("busy", running=1, ready_s=5)], [first.claim]).fits


def test_a_turn_has_an_end() -> None:
    assert hold_s(tenant(running=1, boot_s=10_000)) == 600
    assert hold_s(tenant(running=1, boot_s=1)) == 30


SMALL, LARGE = Need(0.5, GIB, 1, 8 * GIB), Need(0.5, GIB, 1, 20 * GIB)


def guest(name: str, gib: int, *devices: int, idle_s: float | None = None, reload: float = 0) -> Resident:
    return Resident(name, 0.5, GIB, devices, idle_s, gib * GIB, reload)


@pytest.mark.parametrize(
    ("need", "residents", "placement"),
    [
        pytest.param(SMALL, (guest("a", 8, 0),), Placement(True, (0,)), id="beside another, GPUs stay free"),
        pytest.param(LARGE, (guest("a", 8, 0),), Placement(True, (1,)), id="where it fits"),
        pytest.param(SMALL, (guest("a", 15, 0), guest("b", 17, 1)), Placement(True, (0,)), id="only there"),
        pytest.param(
            SMALL, (guest("a", 8, 0), guest("b", 16, 1)), Placement(True, (1,)), id="where the least is left"
        ),
        pytest.param(SMALL, (guest("a", 0, 0),), Placement(True, (1,)), id="not beside an unknown one"),
        pytest.param(WHOLE, (guest("a", 1, 0),), Placement(True, (1,)), id="an unknown one wants all"),
        pytest.param(
            Need(0.5, GIB, 2, 8 * GIB), (guest("a", 20, 0),), Placement(False), id="on each of its GPUs"
        ),
        pytest.param(
            LARGE,
            (guest("a", 20, 0, 1, idle_s=1, reload=9),),
            Placement(False, evict=("a",)),
            id="one that spans",
        ),
        pytest.param(
            LARGE,
            (
                guest("a", 8, 0, idle_s=1, reload=1),
                guest("b", 8, 0, idle_s=1, reload=1),
                guest("c", 16, 1, idle_s=1, reload=3),
            ),
            Placement(False, evict=("a", "b")),
            id="two cheap ones before a dear one",
        ),
        pytest.param(
            LARGE,
            (
                guest("a", 8, 0, idle_s=1, reload=2),
                guest("b", 8, 0, idle_s=1, reload=2),
                guest("c", 16, 1, idle_s=1, reload=3),
            ),
            Placement(False, evict=("c",)),
            id="one before two that cost more",
        ),
    ],
)
def test_sharing_gpus(need: Need, residents: tuple[Resident, ...], placement: Placement) -> None:
    assert place(need, TWO, residents) == placement


def test_what_others_hold_of_a_gpu_is_not_given_away() -> None:
    machine = replace(TWO, devices=(Device(0, 24 * GIB, taken=17 * GIB), Device(1, 24 * GIB, taken=5 * GIB)))
    assert place(SMALL, machine, ()) == Placement(True, (1,))
    assert place(LARGE, machine, ()) == Placement(False)
    assert place(WHOLE, machine, ()) == Placement(True, (1,))
    assert impossible(LARGE, machine) is None
    assert "on each of 1 GPU" in str(impossible(replace(LARGE, gpu_memory=25 * GIB), machine))


def test_gpus_keep_their_indexes() -> None:
    seen = Capacity(8, 64 * GIB, 2, (Device(2, 24 * GIB), Device(5, 24 * GIB)))
    assert place(Need(0.5, GIB, 2), seen, ()) == Placement(True, (2, 5))


def test_sixteen_gpus_are_looked_through_quickly_enough() -> None:
    many = Capacity(64, 1 << 40, 16, tuple(Device(i, 24 * GIB) for i in range(16)))
    held = tuple(guest(str(i), 20, i, idle_s=i, reload=i) for i in range(16))
    found = place(Need(0.5, GIB, 8, 20 * GIB), many, held)
    assert set(found.evict) == {str(i) for i in range(8)}


def test_an_offer_that_fits_evicts_nobody() -> None:
    assert seek(seeker(), TWO, [tenant()]) == Offer(fits=True, devices=(1,))
