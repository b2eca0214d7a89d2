"""What `mainspring doctor` says of GPUs: each with its memory and load, and the instances on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainspring.cli.calls import call
from mainspring.cli.terminal import CliError

if TYPE_CHECKING:
    from mainspring.cli.checks import Finding
    from mainspring.launchers.gpus import Gpu

_GIB = 1 << 30
_DRIVER_FIX = (
    "install the NVIDIA driver (Debian: apt-get install nvidia-driver), load it, and check nvidia-smi"
)


def gpu_findings(setting: str) -> Iterator[Finding]:
    """One for all, then one for each GPU. setting: `gpus` of the settings."""
    from mainspring.cli.checks import Finding
    from mainspring.launchers.gpus import DevicesError, Simulated, find_devices

    try:
        devices = find_devices(setting)
    except DevicesError as error:
        yield Finding("bad", "GPUs", str(error), "set gpus to auto")
        return
    found = devices.read()
    if not found:
        yield _none(setting)
        return
    simulated = "simulated, nothing can run on them; " if isinstance(devices, Simulated) else ""
    memory = sum(gpu.memory for gpu in found) / _GIB
    yield Finding("ok", "GPUs", f"{simulated}{len(found)} with {memory:.0f} GiB in all")
    instances = _instances()
    for gpu in found:
        yield Finding(
            "ok", f"GPU {gpu.index}", describe(gpu, [i for i in instances if gpu.index in i["devices"]])
        )


def describe(gpu: Gpu, instances: list[dict[str, Any]]) -> str:
    """Its name, memory and load, and what runs on it, in one line."""
    told = [gpu.name, f"{gpu.used / _GIB:.1f} of {gpu.memory / _GIB:.1f} GiB used"]
    if gpu.busy is not None:
        told.append(f"{gpu.busy:.0%} busy")
    if gpu.temperature is not None:
        told.append(f"{gpu.temperature} °C")
    if gpu.power is not None:
        told.append(f"{gpu.power:.0f} W")
    for instance in instances:
        room = instance["gpu_memory"] or {}
        size = room.get("used") or room.get("reserved")
        told.append(f"{instance['model']} {instance['state']}" + (f" {size / _GIB:.1f} GiB" if size else ""))
    return ", ".join(told)


def _none(setting: str) -> Finding:
    from mainspring.cli.checks import Finding

    if setting == "off":
        return Finding("ok", "GPUs", "not to be used, by the settings")
    if not _nvidia_cards():
        return Finding("ok", "GPUs", "none: models run on the processor")
    return Finding("warn", "GPUs", "an NVIDIA card without a working driver", _DRIVER_FIX)


def _instances() -> list[dict[str, Any]]:
    """Those of the server, if one answers."""
    try:
        found: list[dict[str, Any]] = call("GET", "/v1/fleet")["instances"]
    except (CliError, KeyError, TypeError):
        return []
    return found


def _nvidia_cards() -> bool:
    def read(file: Path) -> str:
        try:
            return file.read_text().strip()
        except OSError:
            return ""

    devices = Path("/sys/bus/pci/devices").glob("*")
    return any(read(d / "vendor") == "0x10de" and read(d / "class").startswith("0x03") for d in devices)
