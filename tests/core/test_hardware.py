"""SKUs: what is known, what a machine offers, what settings can say."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from mainspring.core.hardware import default_hardware, hardware_fault, offered
from mainspring.core.placement import Capacity
from mainspring.settings import SettingsError, load_settings

CPU_ONLY = Capacity(cpus=2, memory=1 << 33, gpus=0)
TWO_GPUS = Capacity(cpus=16, memory=1 << 37, gpus=2)


def skus(machine: Capacity) -> list[str]:
    return [one.sku for one in offered(default_hardware(), machine)]


def test_a_machine_offers_what_it_has() -> None:
    assert skus(CPU_ONLY) == ["cpu", "cpu-small"]
    assert {"gpu-t4", "gpu-l40s-2x", "gpu-h100"} <= set(skus(TWO_GPUS))
    assert "gpu-h100-4x" not in skus(TWO_GPUS)


def test_what_is_not_offered_is_refused_in_replicates_words() -> None:
    options = offered(default_hardware(), CPU_ONLY)
    assert hardware_fault("cpu", options) is None
    assert hardware_fault("gpu-t4", options) == (
        "gpu-t4 is not a valid hardware SKU. Your options are: cpu, cpu-small"
    )


def test_ones_own_hardware_is_free_and_list_prices_are_exact() -> None:
    known = default_hardware()
    assert all(one.price_per_second == 0 for one in known.values())
    assert known["gpu-t4"].list_price * 1_000_000 == Decimal(225)
    assert known["gpu-h100-8x"].list_price == known["gpu-h100"].list_price * 8


def test_tables_of_the_file_change_and_add_hardware(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        """
        port = 9000
        idle_timeout_s = 7.5
        [hardware.cpu]
        price_per_second = 0.0001
        [hardware.gpu-t4]
        offered = false
        [hardware.gpu-3090]
        name = "Nvidia RTX 3090"
        gpus = 1
        cpus = 4
        memory = 17179869184
        price_per_second = 0.00012345
        """
    )
    settings = load_settings(file, {})
    assert (settings.port, settings.idle_timeout_s) == (9000, 7.5)
    assert settings.hardware["cpu"].price_per_second == Decimal("0.0001")
    assert settings.hardware["cpu"].list_price == Decimal("0.0001")
    own = settings.hardware["gpu-3090"]
    assert (own.gpus, own.cpus, own.memory, own.price_per_second) == (1, 4.0, 1 << 34, Decimal("0.00012345"))
    options = [one.sku for one in offered(settings.hardware, TWO_GPUS)]
    assert "gpu-t4" not in options
    assert options[-1] == "gpu-3090"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[hardware.cpu]\nprice = 1", "hardware.cpu: no such key: price"),
        ('[hardware.cpu]\nprice_per_second = "free"', "hardware.cpu.price_per_second can't be 'free'"),
        ("[hardware.cpu]\nprice_per_second = -1", "can't be -1"),
        ("[hardware.cpu]\nprice_per_second = nan", "can't be"),
        ("[hardware.gpu]\ngpus = 1.5", "hardware.gpu.gpus can't be"),
        ("[hardware.gpu]\noffered = 1", "can't be 1"),
        ("[hardware.gpu]\ngpus = true", "can't be True"),
        ("[hardware]\ncpu = 1", "hardware.cpu must be a table"),
        ("hardware = 1", "described by tables"),
    ],
)
def test_what_a_table_can_not_say(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=told.replace("(", r"\(")):
        load_settings(file, {})
