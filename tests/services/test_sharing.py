"""A prediction can be shown to whoever has its link, and its data removed before its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from mainspring.testing import FakeCog
from tests.services.conftest import House, Open
from tests.services.test_eraser import FILES, Painter, fetched, objects


@pytest.fixture
async def painter(open_house: Open) -> Painter:
    made = Painter()
    made.house = await open_house(make=made.make)
    return made


@pytest.fixture
def house(painter: Painter) -> House:
    assert painter.house is not None
    return painter.house


async def anybody(house: House, link: str) -> httpx.Response:
    """What somebody without a token finds behind a link."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://here") as guest:
        return await guest.get(f"/v1/shared/{link.rpartition('/')[2]}")


async def shared(house: House, **more: Any) -> tuple[dict[str, Any], str]:
    made = await house.create(await house.add_model(openapi=FILES, **more), wait=True)
    reply = await house.http.post(f"/predictions/{made['id']}/share")
    assert reply.status_code == 201
    return made, reply.json()["url"]


async def test_who_has_the_link_sees_the_prediction_and_nothing_of_its_owner(house: House) -> None:
    made, link = await shared(house)
    assert link.startswith("http://here/s/")
    assert len(link.rpartition("/")[2]) == 52
    assert (await house.http.post(f"/predictions/{made['id']}/share")).json()["url"] == link
    assert (await house.http.get(f"/predictions/{made['id']}/share")).json()["url"] == link
    found = await anybody(house, link)
    told = found.json()
    assert (told["input"], told["output"], told["logs"]) == ({"text": "hi"}, made["output"], "painting\n")
    assert not {"urls", "webhook", "source", "expires_at", "deployment"} & told.keys()
    assert (found.headers["x-robots-tag"], found.headers["cache-control"]) == ("noindex", "no-store")
    assert (await anybody(house, link[:-1] + ("a" if link[-1] != "a" else "b"))).status_code == 404


async def test_a_link_that_is_taken_back_leads_nowhere_and_the_next_is_another(house: House) -> None:
    made, link = await shared(house)
    assert (await house.http.delete(f"/predictions/{made['id']}/share")).status_code == 204
    assert (await anybody(house, link)).status_code == 404
    assert (await house.http.delete(f"/predictions/{made['id']}/share")).status_code == 404
    assert (await house.http.get(f"/predictions/{made['id']}/share")).json() == {
        "url": None,
        "created_at": None,
    }
    assert (await house.http.post(f"/predictions/{made['id']}/share")).json()["url"] != link


async def test_what_is_shared_keeps_its_data_for_as_long(house: House) -> None:
    made, link = await shared(house)
    house.clock.passed += timedelta(days=400)
    assert await house.platform.eraser.run_once() == 0
    assert (await anybody(house, link)).json()["output"] == made["output"]
    await house.http.delete(f"/predictions/{made['id']}/share")
    assert await house.platform.eraser.run_once() == 1


async def test_data_is_removed_at_once_with_files_and_link(house: House) -> None:
    made, link = await shared(house)
    reply = await house.http.delete(f"/predictions/{made['id']}/data")
    gone = {"input": {}, "output": None, "logs": "", "data_removed": True}
    assert (reply.status_code, gone.items() <= reply.json().items()) == (200, True)
    assert await house.get(made) == made | gone
    assert await fetched(house, made["output"]) == 404
    assert objects(house) == 0
    assert (await anybody(house, link)).status_code == 404
    assert (await house.http.post(f"/predictions/{made['id']}/share")).status_code == 409
    assert (await house.http.delete(f"/predictions/{made['id']}/data")).status_code == 200


async def test_what_still_runs_is_neither_shared_nor_emptied(open_house: Open) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    made = await house.create(await house.add_model())
    await house.until(made, "processing")
    assert (await house.http.post(f"/predictions/{made['id']}/share")).status_code == 409
    assert (await house.http.delete(f"/predictions/{made['id']}/data")).status_code == 409
    assert (await house.get(made))["input"] == {"text": "hi"}
    cog.gate.set()


async def test_only_the_owner_shares_and_removes(house: House) -> None:
    made, link = await shared(house)
    now = datetime.now(UTC)
    await house.platform.ledger.accounts.create_account("bob", "user", "Bob", now)
    _, token = await house.platform.ledger.accounts.create_token("bob", "test", now=now)
    bob = {"Authorization": f"Bearer {token}"}
    for method, what in (("POST", "share"), ("GET", "share"), ("DELETE", "share"), ("DELETE", "data")):
        reply = await house.http.request(method, f"/predictions/{made['id']}/{what}", headers=bob)
        assert reply.status_code == 404
    assert (await anybody(house, link)).json()["data_removed"] is False
