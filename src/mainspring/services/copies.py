"""Output files for a prediction that is answered with what another one gave: its own names for the same bytes."""

from __future__ import annotations

from urllib.parse import unquote

from mainspring.core.ids import new_capability
from mainspring.core.marks import OUTPUT, STORED
from mainspring.core.prediction import Prediction
from mainspring.objects import Objects
from mainspring.records.retention import Due
from mainspring.services.eraser import output_keys


async def copied(objects: Objects, source: Prediction, prediction_id: str) -> str | None:
    """The source's output for another prediction, with files of its own.

    None when a file is not there any more; then none is left behind. What the source names of others stays theirs.
    """
    output = source.output or "null"
    if OUTPUT not in output:
        return output
    made: dict[str, str] = {}
    for found in STORED.finditer(output):
        if found[1] != source.id or found[0] in made:
            continue
        capability, name = new_capability(), unquote(found[3])
        made[found[0]] = f'"{OUTPUT}{prediction_id}/{capability}/{found[3]}"'
        key = f"outputs/{prediction_id}/{capability}/{name}"
        if await objects.copy(f"outputs/{source.id}/{found[2]}/{name}", key) is None:
            await drop_copies(objects, prediction_id, "".join(made.values()))
            return None
    return STORED.sub(lambda found: made.get(found[0], found[0]), output)


async def drop_copies(objects: Objects, prediction_id: str, output: str | None) -> None:
    """Delete the files that an output names of this prediction: it did not come about."""
    for key in output_keys(Due(prediction_id, output, "{}")):
        await objects.delete(key)
