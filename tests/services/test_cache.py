"""The same input twice runs once, where a model is declared deterministic: from the store, or with a run under way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mainspring.database import Statement
from mainspring.testing import FakeCog, Run
from tests.services.conftest import STREAM, House, Open, eventually, gated
from tests.services.test_eraser import FILES, Painter, fetched, objects

HOUR = timedelta(hours=1)
OTHER = "ms_other0123456789abcdefghijklmnopqrstuv"
WITH_FILE = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "default": "hi", "x-order": 0},
        "size": {"type": "number", "default": 2, "x-order": 1},
        "seed": {"type": "integer", "x-order": 2},
        "image": {"type": "string", "format": "uri", "x-order": 3},
        "key": {"type": "string", "format": "password", "x-cog-secret": True, "x-order": 4},
    },
}
TAKES_FILES = {"components": {"schemas": {"Input": WITH_FILE, "Output": {"type": "string"}}}}


async def declared(house: House, **more: Any) -> str:
    return await house.add_model(**{"deterministic": 1, "cache_s": 3600} | more)


async def run(house: House, model: str, body: Any = None, **headers: str) -> httpx.Response:
    given = {"input": {"text": "hi"}} if body is None else body
    return await house.http.post(
        f"/models/{model}/predictions", json=given, headers={"Prefer": "wait=30"} | headers
    )


async def answered(house: House, model: str, body: Any = None, **headers: str) -> bool:
    """Whether it was answered without a run."""
    reply = await run(house, model, body, **headers)
    assert reply.status_code == 201, reply.text
    assert reply.json()["status"] == "succeeded"
    return "cached" in reply.json()


async def rows(house: House, sql: str, **given: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in await house.platform.database.fetch(sql, given)]


async def as_other(house: House, kind: str = "user") -> httpx.AsyncClient:
    """A client of another account; of an organization, the first account is an owner."""
    accounts = house.platform.ledger.accounts
    if kind == "organization":
        await house.platform.ledger.members.create("you", "you", "me", house.clock())
    else:
        await accounts.create_account("you", kind, "you", house.clock())
    await accounts.create_token("you", "first", OTHER, now=house.clock())
    headers = {"Authorization": f"Bearer {OTHER}", "Prefer": "wait=30"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(house.app), base_url="http://here/v1", headers=headers
    )


async def give(house: House, model: str) -> str:
    """The model is private, and the other account's."""
    name = model.partition("/")[2]
    change = "UPDATE models SET owner = 'you', visibility = 'private' WHERE name = :name"
    move = "UPDATE versions SET model = 'you/' || :name WHERE model = 'me/' || :name"
    await house.platform.database.write(*(Statement(sql, {"name": name}) for sql in (change, move)))
    house.platform.ledger.catalog.forget()
    return f"you/{name}"


async def test_the_second_one_is_answered_from_the_store_and_costs_nothing(open_house: Open) -> None:
    cog = FakeCog()
    house = await open_house(make=lambda spec: cog)
    model = await declared(house)
    first = await house.create(model, wait=True)
    assert "cached" not in first
    house.clock.passed += timedelta(seconds=90)
    reply = await run(house, model, Prefer="")
    again = reply.json()
    assert (again["status"], again["output"], again["logs"]) == ("succeeded", "hi", first["logs"])
    assert (reply.headers["cache-status"], reply.headers["age"]) == ("mainspring; hit", "90")
    assert (again["metrics"]["cached"], again["metrics"]["predict_time"]) == (True, 0)
    assert again["metrics"]["cache_age"] == pytest.approx(90, abs=5)
    assert again["cached"]["prediction"] == first["id"] != again["id"]
    assert again["cached"]["seconds_saved"] > 0
    assert len(cog.completed) == 1
    assert await house.get(again) == again
    listed = (await house.http.get("/predictions")).json()["results"]
    assert [one["id"] for one in listed] == [again["id"], first["id"]]
    used = await rows(house, "SELECT active_us, amount, status FROM usage WHERE id = :id", id=again["id"])
    assert used == [{"active_us": 0, "amount": 0, "status": "succeeded"}]
    told = (await house.http.get(f"/models/{model}")).json()
    assert await rows(house, "SELECT run_count FROM models") == [{"run_count": 2}]
    assert (told["cache"]["max_age"], told["cache"]["saved"]["hits"]) == ("1h", 1)
    assert told["cache"]["saved"]["seconds_saved"] == again["cached"]["seconds_saved"]


async def test_what_runs_cost_is_what_answers_save(open_house: Open) -> None:
    from decimal import Decimal

    from mainspring.core.hardware import default_hardware, described

    priced = described(default_hardware(), {"cpu": {"price_per_second": Decimal(1000)}})
    house = await open_house(hardware=priced)
    model = await declared(house)
    await house.http.put("/limits", json={"monthly": "0.000001"})
    first = await house.create(model, wait=True)
    again = (await run(house, model)).json()
    assert again["cost"]["amount"] == "0.00", "and a limit that is reached does not refuse it"
    assert again["cached"]["amount_saved"] == first["cost"]["amount"] != "0.00"
    assert (await run(house, model, {"input": {"text": "ho"}})).status_code == 402


async def test_nobody_is_answered_so_without_a_declaration(open_house: Open) -> None:
    house = await open_house()
    plain = await house.add_model("plain")
    assert not await answered(house, plain)
    reply = await run(house, plain, {"input": {"text": "hi"}, "cache": True})
    assert reply.headers["cache-status"].startswith("mainspring; fwd=bypass")
    assert "not declared deterministic" in reply.headers["cache-status"]
    assert "cached" not in reply.json()
    assert await rows(house, "SELECT * FROM cached") == []


async def test_a_seed_makes_it_deterministic_when_it_is_given(open_house: Open) -> None:
    house = await open_house()
    model = await declared(house, deterministic=0, seed_input="seed", openapi=TAKES_FILES)
    for given in ({}, {"seed": -1}, {"seed": None}):
        for _ in range(2):
            assert not await answered(house, model, {"input": given})
    assert not await answered(house, model, {"input": {"seed": 0}})
    assert await answered(house, model, {"input": {"seed": 0}})
    assert not await answered(house, model, {"input": {"seed": 1}})


async def test_a_request_asks_or_refuses(open_house: Open) -> None:
    house = await open_house()
    asked = await declared(house, name="asked", cache_s=None)
    given = {"input": {"text": "hi"}}
    assert not await answered(house, asked)
    assert not await answered(house, asked), "nobody asked"
    assert not await answered(house, asked, given, **{"Cache-Control": "max-age=600"})
    assert await answered(house, asked, given | {"cache": "10m"})
    house.clock.passed += timedelta(minutes=20)
    assert not await answered(house, asked, given | {"cache": "10m"}), "too old for this one"
    usual = await declared(house, name="usual")
    assert not await answered(house, usual)
    assert not await answered(house, usual, given | {"cache": False})
    assert not await answered(house, usual, given, **{"Cache-Control": "no-cache"})
    assert await answered(house, usual, given | {"cache": True}, **{"Cache-Control": "no-store"})
    other = {"input": {"text": "ho"}}
    assert not await answered(house, usual, other | {"cache": "no-store"})
    assert not await answered(house, usual, other), "what was not to be stored is not"
    assert await answered(house, usual, other)
    for wrong in ("soon", "", -5, 10**12):
        assert (await run(house, usual, given | {"cache": wrong})).status_code == 422


async def test_the_same_input_is_the_same_however_it_is_written(open_house: Open) -> None:
    house = await open_house()
    model = await declared(house, openapi=TAKES_FILES)
    assert not await answered(house, model, {"input": {}})
    for same in ({"text": "hi"}, {"size": 2.0, "text": "hi"}, {"text": "hi", "size": 2, "seed": None}):
        assert await answered(house, model, {"input": same})
    for other in ({"text": "Hi"}, {"size": 3}, {"seed": 0}):
        assert not await answered(house, model, {"input": other})
    for _ in range(2):
        assert not await answered(house, model, {"input": {"key": "secret"}}), "nothing with a secret"


async def test_files_are_told_by_content(open_house: Open) -> None:
    house = await open_house()
    model = await declared(house, openapi=TAKES_FILES)

    async def upload(content: bytes, name: str) -> str:
        reply = await house.http.post("/files", files={"content": (name, content, "text/plain")})
        url: str = reply.json()["urls"]["get"]
        return url

    first, again, other = [await upload(c, n) for c, n in ((b"x", "a.txt"), (b"x", "b.txt"), (b"y", "a.txt"))]
    assert first != again
    assert not await answered(house, model, {"input": {"image": first}})
    assert await answered(house, model, {"input": {"image": again}})
    assert await answered(house, model, {"input": {"image": "data:text/plain;base64,eA=="}})
    assert await answered(house, model, {"input": {"image": "data:text/plain,x"}})
    assert not await answered(house, model, {"input": {"image": other}})
    reply = await run(house, model, {"input": {"image": "https://example.invalid/x.txt"}})
    assert "elsewhere" in reply.headers["cache-status"]


async def test_output_files_are_the_answers_own(open_house: Open) -> None:
    painter = Painter()
    house = painter.house = await open_house(make=painter.make)
    model = await declared(house, openapi=FILES, cache_s=86_400)
    first = await house.create(model, wait=True)
    house.clock.passed += timedelta(minutes=50)
    again = await house.create(model)
    assert again["output"] != first["output"]
    assert (await house.http.get(again["output"])).content == b"painted"
    house.clock.passed += timedelta(minutes=20)
    assert await house.platform.eraser.run_once() == 1
    assert (await fetched(house, first["output"]), await fetched(house, again["output"])) == (404, 200)
    third = await house.create(model)
    assert third["cached"]["age"] == pytest.approx(70 * 60, abs=30), "the second one still had the result"
    assert await fetched(house, third["output"]) == 200
    for one in (again, third):
        assert (await house.http.delete(f"/predictions/{one['id']}/data")).status_code == 200
    assert objects(house) == 0
    assert await rows(house, "SELECT * FROM cached") == [], "it keeps nothing that was removed"
    assert not await answered(house, model)


async def test_a_file_that_is_gone_is_made_again(open_house: Open) -> None:
    painter = Painter()
    house = painter.house = await open_house(make=painter.make)
    model = await declared(house, openapi=FILES)
    first = await house.create(model, wait=True)
    key = first["output"].removeprefix("http://here/").replace("%20", " ")
    await house.platform.objects.delete(key)
    assert not await answered(house, model)
    assert await answered(house, model)
    assert objects(house) == 2


async def test_answers_of_private_models_are_for_one_account(open_house: Open) -> None:
    house = await open_house()
    public, private = await declared(house, name="public"), await declared(house, name="private")
    private = await give(house, private)
    async with await as_other(house, "organization") as you:

        async def theirs(model: str) -> Any:
            return (await you.post(f"/models/{model}/predictions", json={"input": {"text": "hi"}})).json()

        assert not await answered(house, public)
        assert not await answered(house, private)
        shared = await theirs(public)
        assert shared["cached"]["age"] >= 0
        assert "prediction" not in shared["cached"], "whose run it was is not told"
        assert [("cached" in await theirs(private)) for _ in range(2)] == [False, True]
        assert await answered(house, private)
        assert len(await rows(house, "SELECT key FROM cached WHERE model = 'you/private'")) == 2


async def test_the_store_is_its_owners_to_see_and_to_empty(open_house: Open) -> None:
    house = await open_house()
    mine, theirs = await declared(house, name="mine"), await give(house, await declared(house, name="theirs"))
    async with await as_other(house) as you:
        for model in (mine, mine, theirs):
            await you.post(f"/models/{model}/predictions", json={"input": {"text": "hi"}})

        async def seen(client: httpx.AsyncClient, query: str = "") -> list[Any]:
            found = (await client.get(f"/cache{query}")).json()["results"]
            return [(one["model"], one["account"], one["saved"]["hits"], one["entries"]) for one in found]

        assert await seen(house.http) == [(mine, None, 1, 1), (theirs, None, 0, 1)]
        assert await seen(you) == [(mine, "you", 1, None), (theirs, None, 0, 1)]
        assert await seen(you, f"?model={mine}") == [(mine, "you", 1, None)]
        assert (await house.http.get(f"/cache?model={theirs}")).status_code == 404
        assert (await you.delete(f"/cache?model={mine}")).status_code == 403
        assert (await house.http.delete("/cache?older_than=1h")).json() == {"purged": 0}
        assert (await house.http.delete("/cache?older_than=soon")).status_code == 400
        assert (await you.delete("/cache")).json() == {"purged": 1}
        assert await seen(you, f"?model={theirs}") == []
    assert (await house.http.delete(f"/cache?model={mine}")).json() == {"purged": 1}
    assert not await answered(house, mine)


async def test_what_an_owner_says_has_to_make_sense(open_house: Open) -> None:
    house = await open_house()
    model = await house.add_model(openapi=TAKES_FILES)

    async def say(**cache: Any) -> Any:
        reply = await house.http.patch(f"/models/{model}", json={"cache": cache})
        told = reply.json()
        return told["cache"] if reply.status_code == 200 else told["errors"][0]["pointer"]

    assert await say(max_age="1h") == "/cache/max_age"
    assert await say(seed_input="sed") == "/cache/seed_input"
    assert await say(deterministic=True, max_age="soon") == "/cache/max_age"
    told = await say(seed_input="seed", max_age="90m")
    assert (told["deterministic"], told["seed_input"], told["max_age"]) == (False, "seed", "1h30m")
    assert not await answered(house, model, {"input": {"seed": 1}})
    told = await say(seed_input=None)
    assert (told["seed_input"], told["max_age"]) == (None, None)
    assert await rows(house, "SELECT * FROM cached") == [], (
        "what was declared otherwise is not believed any more"
    )


async def test_receivers_hear_of_answers_as_of_runs(open_house: Open) -> None:
    house = await open_house(webhook_hosts="127.0.0.1")
    model = await declared(house)
    await house.create(model, wait=True)
    told = {}
    for events in (["start", "completed"], ["completed"], ["output", "logs"]):
        body = {"input": {"text": "hi"}, "webhook": "http://127.0.0.1:9/x", "webhook_events_filter": events}
        made = (await run(house, model, body)).json()
        assert "cached" in made
        found = await rows(house, "SELECT event FROM deliveries WHERE prediction_id = :id", id=made["id"])
        told[tuple(events)] = sorted(row["event"] for row in found)
    assert told == {
        ("start", "completed"): ["completed", "start"],
        ("completed",): ["completed"],
        ("output", "logs"): ["logs", "output"],
    }


async def test_a_stored_stream_is_streamed_again(open_house: Open) -> None:
    async def counting(run: Run) -> object:
        await run.output("a", "b")
        return None

    house = await open_house(make=lambda spec: FakeCog(counting))
    model = await declared(house, openapi=STREAM)
    first = await house.create(model, wait=True)
    again = await house.create(model)
    streams = [(await house.http.get(one["urls"]["stream"])).text for one in (first, again)]
    assert [text.count("event: output") for text in streams] == [2, 2]
    assert "event: done" in streams[1]


async def test_who_asks_the_same_at_once_is_answered_by_one_run(open_house: Open) -> None:
    gate, more = asyncio.Event(), asyncio.Event()

    async def counting(run: Run) -> object:
        await run.output("a")
        await run.log("one\n")
        await more.wait()
        await run.output("b")
        return None

    cog = FakeCog(counting, slots=4)
    house = await open_house(make=lambda spec: cog)
    model = await declared(house, openapi=STREAM, slots=4)
    made = await asyncio.gather(*(house.create(model) for _ in range(8)))
    leader = await eventually(lambda: _processing(house, made))
    followers = [one for one in made if one["id"] != leader["id"]]

    async def reads_along() -> bool:
        found = [await house.get(one) for one in followers]
        return all((f["status"], f["output"], f["logs"]) == ("processing", ["a"], "one\n") for f in found)

    await eventually(reads_along)
    streams = [asyncio.create_task(house.http.get(one["urls"]["stream"])) for one in followers]
    late = await run(house, model, Prefer="")
    assert late.headers["cache-status"] == "mainspring; fwd=miss; collapsed"
    more.set()
    gate.set()
    for one in (*made, late.json()):
        ended = await house.until(one, "succeeded")
        assert (ended["output"], ended["logs"]) == (["a", "b"], "one\n")
        assert ("cached" in ended) == (one["id"] != leader["id"])
    for stream in streams:
        text = (await stream).text
        assert text.count("event: output") == 2
        assert text.count("event: done") == 1
    assert cog.completed == [leader["id"]]
    saved = (await house.http.get(f"/models/{model}")).json()["cache"]["saved"]
    assert (saved["hits"], saved["joined"]) == (0, 8)
    assert len(await rows(house, "SELECT id FROM usage WHERE kind = 'prediction'")) == 9


async def _processing(house: House, made: list[dict[str, Any]]) -> dict[str, Any] | None:
    found = await rows(house, "SELECT id FROM predictions WHERE status = 'processing'")
    return next((one for one in made if [{"id": one["id"]}] == found), None)


async def led(house: House, cog: FakeCog, model: str, followers: int = 2) -> list[dict[str, Any]]:
    """A run that is under way, and some who wait for it."""
    leader = await house.create(model)
    await cog.until(lambda: cog.running == [leader["id"]])
    return [leader, *[await house.create(model) for _ in range(followers)]]


async def test_who_cancels_speaks_for_himself(open_house: Open) -> None:
    cog = gated(asyncio.Event())
    house = await open_house(make=lambda spec: cog)
    leader, second, third = await led(house, cog, await declared(house))
    await house.http.post(f"/predictions/{third['id']}/cancel")
    assert (await house.get(third))["status"] == "canceled"
    assert (await house.get(leader))["status"] == "processing"
    await house.http.post(f"/predictions/{leader['id']}/cancel")
    await cog.until(lambda: cog.running == [second["id"]])
    fourth = await house.create("me/m")
    cog.gate.set()
    assert (await house.until(second, "succeeded"))["output"] == "hi"
    assert (await house.until(fourth, "succeeded"))["cached"]["joined"] is True
    assert (await house.get(leader))["status"] == "canceled"
    assert cog.completed == [second["id"]]


async def test_what_fails_fails_for_all_of_an_account(open_house: Open) -> None:
    async def failing(run: Run) -> object:
        await run.log("so far\n")
        raise ValueError("you asked for it")

    cog = FakeCog(failing)
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    model = await declared(house)
    leader, *followers = await led(house, cog, model)
    async with await as_other(house) as you:
        reply = await you.post(
            f"/models/{model}/predictions", json={"input": {"text": "hi"}}, headers={"Prefer": ""}
        )
        cog.gate.set()
        for one in (leader, *followers):
            ended = await house.until(one, "failed")
            assert (ended["error"], ended["logs"]) == ("you asked for it", "so far\n")
            assert "cached" not in ended
        other = reply.json()["id"]

        async def theirs() -> Any:
            found = (await you.get(f"/predictions/{other}")).json()
            return found if found["status"] == "failed" else None

        await eventually(theirs)
    assert list(cog.received) == [leader["id"], other], "another account's failure is its own"
    assert await rows(house, "SELECT * FROM cached") == []


async def test_those_who_wait_survive_the_server(open_house: Open) -> None:
    cog = gated(asyncio.Event())
    house = await open_house(make=lambda spec: cog)
    made = await led(house, cog, await declared(house, openapi=STREAM))
    await house.platform.stop(0)
    again = await open_house(make=lambda spec: FakeCog(_say))
    for one in made:
        ended = await again.until(one, "succeeded")
        assert ended["output"] == ["x"]
    assert len(await rows(again, "SELECT id FROM usage WHERE kind = 'prediction'")) == 3


async def test_who_is_killed_after_the_end_tells_the_others_later(open_house: Open) -> None:
    cog = gated(asyncio.Event())
    house = await open_house(make=lambda spec: cog)
    leader, *followers = await led(house, cog, await declared(house))
    house.platform.followers.run_once = _dead  # type: ignore[method-assign]
    cog.gate.set()
    await house.until(leader, "succeeded")
    await house.platform.stop(0)
    again = await open_house()
    again.clock.passed += 2 * HOUR
    assert await again.platform.eraser.run_once() == 0, "others still wait for what it gave"
    for one in followers:
        assert (await again.until(one, "succeeded"))["output"] == "hi"
    assert await again.platform.eraser.run_once() == 1


async def _dead() -> int:
    return 0


async def _say(run: Run) -> object:
    await run.output("x")
    return None


async def test_the_store_is_bounded_and_can_be_turned_off(open_house: Open) -> None:
    house = await open_house(cache_bytes=1100)
    model = await declared(house)
    bodies = [{"input": {"text": text}} for text in "abc"]
    for body in bodies[:2]:
        assert not await answered(house, model, body)
    assert await answered(house, model, bodies[0])
    assert not await answered(house, model, bodies[2])
    assert await house.platform.trimmer.run_once() == 1
    assert await answered(house, model, bodies[0]), "used since"
    assert not await answered(house, model, bodies[1]), "least recently used"
    off = await open_house(cache_bytes=0)
    assert not await answered(off, model, bodies[0])
