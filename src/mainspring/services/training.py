"""How a training ends well: what it learned becomes a version of its destination."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from mainspring.bundle import trained_version_id
from mainspring.core.ids import rfc3339
from mainspring.core.marks import OUTPUT
from mainspring.core.prediction import Prediction
from mainspring.objects import Objects
from mainspring.records.catalog import Catalog, Version
from mainspring.services.outputs import OutputError

_NO_WEIGHTS = "train() must return a file, or an object whose `weights` is a file; it did not."


@dataclass(frozen=True, slots=True)
class Learned:
    """A version that is to be registered with the end of its training, and the training's output as JSON."""

    version: Version
    output: bytes


async def learned(
    training: Prediction, output: bytes | None, catalog: Catalog, objects: Objects, now: datetime
) -> Learned:
    """What a training made whose files are stored. output: JSON with their marks. Raises OutputError."""
    given = json.loads(output or b"null")
    members: dict[str, Any] = given if isinstance(given, dict) else {"weights": given}
    mark = members.get("weights")
    if not isinstance(mark, str) or not mark.startswith(OUTPUT):
        raise OutputError(_NO_WEIGHTS)
    key = f"outputs/{unquote(mark.removeprefix(OUTPUT))}"
    stored = await objects.stat(key)
    base = await catalog.get_version(training.model, training.version)
    destination = training.destination or ""
    if stored is None or base is None:
        raise OutputError("What the training learned could not be kept.")
    if await catalog.get_model(*destination.split("/", 1)) is None:
        raise OutputError(f"The training's destination {destination} does not exist any more.")
    version = replace(
        base,
        model=destination,
        id=trained_version_id(base.id, stored.sha256),
        created_at=rfc3339(now),
        weights=key,
        base=f"{base.model}:{base.id}",
    )
    told = {**members, "version": f"{destination}:{version.id}", "weights": mark}
    return Learned(version, json.dumps(told).encode())
