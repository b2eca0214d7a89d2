"""GPUs as NVIDIA's library tells of them, with a stand-in for the library; and simulated ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Facts
from typing import Any

import pytest

from mainspring.launchers import gpus
from mainspring.launchers.gpus import DevicesError, Gpu, Nvml, device_files, find_devices
from mainspring.launchers.machine import Machine
from mainspring.launchers.processes import processes

GIB = 1 << 30


class Library:
    """The functions of pynvml that are used. cards: facts by index; dead: every call fails."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self, *cards: Any) -> None:
        self.cards = cards
        self.dead = False
        self.begun = 0

    def nvmlInit(self) -> None:  # noqa: N802
        self._try()
        self.begun += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self._try()

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:  # noqa: N802
        return self.cards[index]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(card: Any, *_: Any) -> Any:
            self._try()
            try:
                return getattr(card, name.removeprefix("nvmlDeviceGet"))
            except AttributeError:
                raise self.NVMLError("Not Supported") from None

        return ask

    def _try(self) -> None:
        if self.dead:
            raise self.NVMLError("GPU is lost")


def card(number: int, **more: Any) -> Facts:
    memory = Facts(total=80 * GIB, used=3 * GIB, free=77 * GIB)
    return Facts(
        UUID=f"GPU-{number}{number}", Name=b"NVIDIA X", MemoryInfo=memory, MinorNumber=number + 4, **more
    )


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    running = [Facts(pid=7, usedGpuMemory=GIB), Facts(pid=8, usedGpuMemory=None)]
    told = {"UtilizationRates": Facts(gpu=25), "PowerUsage": 150_000, "Temperature": 40}
    made = Library(card(0, ComputeRunningProcesses=running, **told), card(1))
    monkeypatch.setitem(sys.modules, "pynvml", made)
    monkeypatch.setattr(gpus, "_DRIVERS", ("/dev/null",))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus._minors.cache_clear()
    return made


def test_what_the_driver_tells_and_what_it_does_not(library: Library) -> None:
    first, second = find_devices("auto").read()
    assert first == Gpu(0, "GPU-00", "NVIDIA X", 80 * GIB, 3 * GIB, 0.25, 4, 40, 150.0, {7: GIB})
    assert (second.busy, second.power, second.temperature, second.processes) == (None, None, None, {})


@pytest.mark.parametrize(
    ("visible", "indexes"),
    [(None, [0, 1]), ("1", [1]), ("GPU-00", [0]), ("GPU-1", [1]), ("", []), ("-1", [])],
)
def test_only_visible_ones(library: Library, visible: str | None, indexes: list[int]) -> None:
    assert [gpu.index for gpu in Nvml(visible).read()] == indexes


def test_a_driver_that_fails_is_asked_again(library: Library) -> None:
    devices = Nvml()
    assert len(devices.read()) == 2
    library.dead = True
    assert devices.read() == ()
    library.dead = False
    assert len(devices.read()) == 2
    assert library.begun == 2


def test_capacity_has_the_memory_of_each_and_what_others_hold(library: Library) -> None:
    machine = Machine(find_devices("auto"))
    machine.taken = {1: 5}
    found = machine.capacity()
    assert [(d.index, d.memory, d.taken) for d in found.devices] == [(0, 80 * GIB, 0), (1, 80 * GIB, 5)]
    assert (found.gpus, machine.real_gpus) == (2, 2)


def test_device_files_have_the_minor_numbers(library: Library) -> None:
    assert device_files((0, 1, 9)) == ["/dev/nvidia4", "/dev/nvidia5", "/dev/nvidia9"]
    gpus._minors.cache_clear()


def test_simulated_ones_are_no_place_to_run_code() -> None:
    machine = Machine(find_devices("2x24"))
    assert [gpu.memory for gpu in machine.gpus()] == [24 * GIB] * 2
    assert (machine.capacity().gpus, machine.real_gpus) == (2, 0)
    assert Machine(find_devices("off")).capacity().gpus == 0
    with pytest.raises(DevicesError, match="2x24"):
        find_devices("many")


def test_this_process_is_seen(tmp_path: Path) -> None:
    import os

    own = next(p for p in processes() if p.pid == os.getpid())
    assert own.session == os.getsid(0)
    assert own.memory > 10 << 20
    reading = Machine(find_devices("off")).read()
    assert 0 < reading.memory_available <= reading.memory
