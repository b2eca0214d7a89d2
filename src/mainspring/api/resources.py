"""What an instance of a model takes, as its owner knows it; ours."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from mainspring.api.wire import Body
from mainspring.records.catalog import Model

_MOST_BYTES = 1 << 50
_MOST_GPUS = 64
_COLUMNS = {"memory": "instance_memory", "gpu_memory": "gpu_memory", "gpus": "gpus"}


class Resources(Body):
    """What an instance takes: bytes of memory, bytes on each of its GPUs, and how many of them.

    null: as was measured, or as the hardware and the settings say.
    """

    memory: int | UnsetType | None = UNSET
    gpu_memory: int | UnsetType | None = UNSET
    gpus: int | UnsetType | None = UNSET


class ResourcesReply(msgspec.Struct):
    """What an instance is said to take: bytes, gpu_memory on each of its gpus; null: as was measured, or by default."""

    memory: int | None
    gpu_memory: int | None
    gpus: int | None


def resource_changes(asked: Resources) -> tuple[dict[str, Any], dict[str, str | None]]:
    """The columns to change, and faults by field."""
    given = {k: v for k, v in msgspec.structs.asdict(asked).items() if v is not UNSET}
    faults = {f"resources/{name}": _fault(name, value) for name, value in given.items()}
    return {_COLUMNS[name]: value or None for name, value in given.items()}, faults


def render_resources(model: Model) -> ResourcesReply:
    """The reply's part."""
    return ResourcesReply(model.instance_memory, model.gpu_memory, model.gpus)


def _fault(name: str, value: int | None) -> str | None:
    most = _MOST_GPUS if name == "gpus" else _MOST_BYTES
    return None if value is None or 0 <= value <= most else f"must be from 0 to {most}"
