"""The same input twice is run once, where a model is declared deterministic: from the store, or with a run under way."""

from __future__ import annotations

from typing import Any

from mainspring.testing import FakeCog
from tests.services.conftest import House, Open


async def declared(house: House, **more: Any) -> str:
    return await house.add_model(**{"deterministic": 1, "cache_s": 3600} | more)


async def test_the_second_one_is_answered_from_the_store(open_house: Open) -> None:
    cog = FakeCog()
    house = await open_house(make=lambda spec: cog)
    model = await declared(house)
    first = await house.create(model, wait=True)
    again = await house.create(model)
    assert (again["status"], again["output"], again["logs"]) == ("succeeded", "hi", first["logs"])
    assert again["id"] != first["id"]
    print(again)
    assert len(cog.completed) == 1
