"""A house with something of everything in it."""

from __future__ import annotations

from mainspring.core.ids import rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.core.shapes import CollectionBody
from tests.api.house import House

PREDICTION = "351g2j03r0071f13c5n2rcg13v"


async def succeeded(house: House, prediction_id: str = PREDICTION, **given: object) -> Prediction:
    """A prediction of ada/hello that succeeded, as if an instance had run it."""
    now = rfc3339(house.clock[0])
    fields = {
        "account": "ada",
        "model": "ada/hello",
        "version": "a" * 64,
        "queue": f"ada/hello:{'a' * 64}",
        "source": "api",
        "status": Status.SUCCEEDED,
        "input": '{"text":"world"}',
        "output": '"mainspring-output://p/c/out.png"',
        "metrics": '{"predict_time":0.5,"total_time":1.0}',
        "created_at": now,
        "started_at": now,
        "completed_at": now,
    } | given
    made = Prediction(id=prediction_id, **fields)  # type: ignore[arg-type]
    return await house.context.predictions.create(made)


async def furnish(house: House) -> None:
    """A model with a version, an example and a README; a private one; a collection; a prediction."""
    await house.context.builder.sweep()
    await house.model(description="Says hello", readme="# Hello\n\nIt greets.")
    await house.version()
    await house.model("closed", visibility="private")
    await house.version("ada/closed", "b")
    await succeeded(house)
    found = house.context.discovery
    now = rfc3339(house.clock[0])
    assert await found.examples.add("ada/hello", PREDICTION, now, default=True)
    greetings = CollectionBody("Greetings", "They greet", None, ["ada/hello", "ada/none"])
    await found.collections.put("greetings", greetings, now)
