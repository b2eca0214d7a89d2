"""Where an instance fits, and who has to go for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.placement import Capacity, Need, Placement, Resident, impossible, place

GIB = 1 << 30
MACHINE = Capacity(cpus=2, memory=4 * GIB, gpus=2)


def resident(
    name: str, *, memory: int = 1, devices: tuple[int, ...] = (), idle_s: float | None = None
) -> Resident:
    return Resident(name, 0.5, memory * GIB, devices, idle_s)


CPU = Need(0.5, GIB, 0)
GPU = Need(0.5, GIB, 1)


@pytest.mark.parametrize(
    ("need", "residents", "placement"),
    [
        pytest.param(CPU, (), Placement(fits=True), id="an empty machine"),
        pytest.param(GPU, (), Placement(fits=True, devices=(0,)), id="the first GPU"),
        pytest.param(
            GPU, (resident("a", devices=(0,)),), Placement(fits=True, devices=(1,)), id="the free GPU"
        ),
        pytest.param(CPU, (resident("a", memory=4),), Placement(fits=False), id="full and busy: wait"),
        pytest.param(
            CPU,
            (resident("a", memory=4, idle_s=1),),
            Placement(fits=False, evict=("a",)),
            id="the idle one goes",
        ),
        pytest.param(
            CPU,
            (resident("a", memory=2, idle_s=1), resident("b", memory=2, idle_s=9)),
            Placement(fits=False, evict=("b",)),
            id="the longest idle goes first",
        ),
        pytest.param(
            Need(0.5, 2 * GIB, 0),
            (resident("small", idle_s=9), resident("big", memory=3, idle_s=1)),
            Placement(fits=False, evict=("big",)),
            id="who does not help is spared",
        ),
        pytest.param(
            GPU,
            (resident("cpu", idle_s=99), resident("a", devices=(0,), idle_s=1), resident("b", devices=(1,))),
            Placement(fits=False, evict=("a",)),
            id="only a GPU's holder helps a GPU model",
        ),
    ],
)
def test_placement(need: Need, residents: tuple[Resident, ...], placement: Placement) -> None:
    assert place(need, MACHINE, residents) == placement


def test_what_never_fits_is_said_so() -> None:
    assert impossible(CPU, MACHINE) is None
    assert impossible(Need(0.5, GIB, 3), MACHINE) == "it needs 3 GPU, this machine has 2"
    assert "memory" in str(impossible(Need(0.5, 9 * GIB, 0), MACHINE))
    assert "cores" in str(impossible(Need(9, GIB, 0), MACHINE))


sizes = st.integers(1, 4)
residents = st.builds(lambda memory, idle_s: (memory, idle_s), sizes, st.one_of(st.none(), st.floats(0, 100)))


@given(st.lists(residents, max_size=6), sizes)
def test_evicting_what_it_names_makes_room(held: list[tuple[int, float | None]], memory: int) -> None:
    machine = Capacity(cpus=8, memory=6 * GIB, gpus=0)
    all_of_them = tuple(resident(str(n), memory=m, idle_s=i) for n, (m, i) in enumerate(held))
    need = Need(0.5, memory * GIB, 0)
    found = place(need, machine, all_of_them)
    left = tuple(r for r in all_of_them if r.id not in found.evict)
    evictable = {r.id for r in all_of_them if r.idle_s is not None}
    assert set(found.evict) <= evictable
    if found.fits or found.evict:
        assert place(need, machine, left).fits
    else:
        busy = tuple(r for r in all_of_them if r.id not in evictable)
        assert not place(need, machine, busy).fits
