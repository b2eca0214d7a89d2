"""What an instance is given: its version's files, weights and settings, and its share of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mainspring.bundle import training_view
from mainspring.core.queue import Queue
from mainspring.core.threads import share
from mainspring.launchers import LaunchSpec
from mainspring.records.catalog import Version
from mainspring.records.instances import Instance
from mainspring.services.attempt import Desk


async def spec_of(row: Instance, version: Version, desk: Desk) -> LaunchSpec:
    """What to start for a row. Raises LaunchError."""
    trains = Queue.parse(row.queue).training is not None
    shared, given = await _shared(row, version, desk)
    view = msgspec.json.encode(training_view(version.openapi_schema)) if trains else None
    return LaunchSpec(
        instance_id=row.id,
        source=desk.root / "sources" / version.source,
        environment=desk.root / "envs" / version.environment,
        predictor=(version.trainer if trains else None) or version.predictor,
        slots=row.slots,
        env={**version.env, **given},
        devices=row.devices,
        gpu_memory=row.gpu_memory,
        threads=await _threads(row, desk),
        trains=trains,
        document=view,
        shared=shared,
        weights=await desk.weights.at_hand(version),
    )


async def _threads(row: Instance, desk: Desk) -> int:
    cores, live = len(os.sched_getaffinity(0)), await desk.instances.live()
    return desk.settings.instance_threads or share(cores, row.cpus or 0, len(live))


async def _shared(row: Instance, version: Version, desk: Desk) -> tuple[tuple[Path, ...], dict[str, str]]:
    """Directories of weights that the instance reads, and how it is told of them.

    What a training made of a version needs the weights of that one too.
    """
    installed = desk.installed
    found = await installed.get(version.model)
    if found is None and version.base is not None:
        found = await installed.get(version.base.partition(":")[0])
    if found is None:
        return (), {}
    name, given = found.weights_name, {}
    if name is not None:
        await installed.run_by(row.id, name)
        given = {} if found.own else {"MAINSPRING_WEIGHTS_NAME": name}
    if found.weights is None:
        return (), given
    given |= {"MAINSPRING_WEIGHTS": found.weights, "HF_HUB_OFFLINE": "1"}
    return (Path(found.weights),), given
