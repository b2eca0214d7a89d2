"""The hardware that models and deployments can choose: SKUs, what an instance on one takes, and prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from mainspring.core.errors import MainspringError
from mainspring.core.placement import Capacity
from mainspring.core.pricing import nano_dollars

_FREE = Decimal(0)


class HardwareError(MainspringError):
    """A SKU is described in a way that can't be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What one instance runs on. sku is the API's word for it, name is for people.

    gpus: how many of this machine's GPUs it takes; cpus and memory (bytes): what else, 0 as the settings say.
    Prices are exact USD for a second: price_per_second is what a run costs here, list_price what Replicate asks.
    """

    sku: str
    name: str
    gpus: int = 0
    cpus: float = 0.0
    memory: int = 0
    price_per_second: Decimal = _FREE
    list_price: Decimal = _FREE
    offered: bool = True

    def fits(self, machine: Capacity) -> bool:
        """Whether the machine has as much of it as one instance takes."""
        enough = self.gpus <= machine.gpus and self.cpus <= machine.cpus and self.memory <= machine.memory
        return self.offered and enough


def _replicate(sku: str, name: str, gpus: int, list_price: str) -> Hardware:
    return Hardware(sku=sku, name=name, gpus=gpus, list_price=Decimal(list_price))


DEFAULT = (
    _replicate("cpu", "CPU", 0, "0.0001"),
    _replicate("cpu-small", "CPU (Small)", 0, "0.000025"),
    Hardware(sku="gpu", name="Any GPU", gpus=1),
    _replicate("gpu-t4", "Nvidia T4 GPU", 1, "0.000225"),
    _replicate("gpu-l40s", "Nvidia L40S GPU", 1, "0.000975"),
    _replicate("gpu-l40s-2x", "2x Nvidia L40S GPU", 2, "0.00195"),
    _replicate("gpu-l40s-4x", "4x Nvidia L40S GPU", 4, "0.0039"),
    _replicate("gpu-l40s-8x", "8x Nvidia L40S GPU", 8, "0.0078"),
    _replicate("gpu-a100-large", "Nvidia A100 (80GB) GPU", 1, "0.0014"),
    _replicate("gpu-a100-large-2x", "2x Nvidia A100 (80GB) GPU", 2, "0.0028"),
    _replicate("gpu-a100-large-4x", "4x Nvidia A100 (80GB) GPU", 4, "0.0056"),
    _replicate("gpu-a100-large-8x", "8x Nvidia A100 (80GB) GPU", 8, "0.0112"),
    _replicate("gpu-h100", "Nvidia H100 GPU", 1, "0.001525"),
    _replicate("gpu-h100-2x", "2x Nvidia H100 GPU", 2, "0.00305"),
    _replicate("gpu-h100-4x", "4x Nvidia H100 GPU", 4, "0.0061"),
    _replicate("gpu-h100-8x", "8x Nvidia H100 GPU", 8, "0.0122"),
)
_DESCRIBED = {f.name: f for f in fields(Hardware) if f.name != "sku"}


def default_hardware() -> dict[str, Hardware]:
    """Replicate's SKUs by name, free of charge here."""
    return {one.sku: one for one in DEFAULT}


def described(known: Mapping[str, Hardware], tables: Mapping[str, Any]) -> dict[str, Hardware]:
    """The known SKUs, changed and joined by tables like {"gpu-t4": {"price_per_second": 0.0002}}.

    Raises HardwareError, which names the SKU and the key.
    """
    found = dict(known)
    for sku, table in tables.items():
        if not isinstance(table, Mapping):
            raise HardwareError(f"hardware.{sku} must be a table")
        base = found.get(sku) or Hardware(sku=sku, name=sku)
        found[sku] = replace(base, **{key: _value(sku, key, given) for key, given in table.items()})
    return found


def offered(known: Mapping[str, Hardware], machine: Capacity) -> tuple[Hardware, ...]:
    """What can be chosen on this machine, in the order of the settings."""
    return tuple(one for one in known.values() if one.fits(machine))


def prices(hardware: Hardware | None) -> tuple[int, int]:
    """(what a second on it costs here, and at Replicate), in nano-dollars; nothing on what is not known any more."""
    if hardware is None:
        return 0, 0
    return nano_dollars(hardware.price_per_second), nano_dollars(hardware.list_price)


def hardware_fault(sku: str, options: Iterable[Hardware]) -> str | None:
    """Why sku can't be chosen, in Replicate's words; None for one that can."""
    skus = [one.sku for one in options]
    if sku in skus:
        return None
    return f"{sku} is not a valid hardware SKU. Your options are: {', '.join(skus)}"


def _value(sku: str, key: str, given: Any) -> Any:
    if key not in _DESCRIBED:
        raise HardwareError(f"hardware.{sku}: no such key: {key}")
    kind = type(getattr(DEFAULT[0], key))
    try:
        if kind is bool or isinstance(given, bool):
            if not (kind is bool and isinstance(given, bool)):
                raise ValueError
            return given
        value: Any = kind(str(given))
        if kind is not str and not 0 <= value < 1 << 62:
            raise ValueError
    except (ValueError, InvalidOperation) as error:
        raise HardwareError(f"hardware.{sku}.{key} can't be {given!r}") from error
    return value
