"""A create that is sent again makes nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.core.errors import Conflict
from mainspring.core.ids import rfc3339
from mainspring.database import Statement
from mainspring.records.answers import Answer, note
from mainspring.settings import Settings
from tests.api.house import House, open_house

MODEL = {"owner": "ada", "name": "new", "visibility": "public", "hardware": "cpu"}
DEPLOYMENT = {
    "name": "new",
    "model": "ada/hello",
    "version": "a" * 64,
    "hardware": "cpu",
    "min_instances": 0,
}
Send = Callable[..., Awaitable[httpx.Response]]


def training(word: str) -> dict[str, Any]:
    return {"destination": "ada/hello", "input": {}, "note": word}


WAYS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "prediction": ("/predictions", lambda word: {"json": {"version": "a" * 64, "input": {}, "note": word}}),
    "of a model": ("/models/ada/hello/predictions", lambda word: {"json": {"input": {}, "note": word}}),
    "deployment": ("/deployments", lambda word: {"json": {**DEPLOYMENT, "max_instances": len(word)}}),
    "training": (f"/models/ada/hello/versions/{'b' * 64}/trainings", lambda word: {"json": training(word)}),
    "model": ("/models", lambda word: {"json": {**MODEL, "description": word}}),
    "token": ("/tokens", lambda word: {"json": {"name": word}}),
    "file": ("/files", lambda word: {"files": {"content": ("a.txt", word.encode(), "text/plain")}}),
}


@pytest.fixture(params=WAYS)
async def send(request: pytest.FixtureRequest, house: House) -> Send:
    """Send one kind of create: (client, key, what tells one body from another)."""
    await house.model()
    version = await house.version()
    trainable = replace(version, id="b" * 64, trainer="train.py:train")
    await house.context.catalog.register_version("ada/hello", trainable)
    path, body = WAYS[request.param]

    async def post(client: httpx.AsyncClient, key: str, word: str = "one") -> httpx.Response:
        return await client.post(path, headers={"Idempotency-Key": key}, **body(word))

    return post


async def rows(house: House) -> int:
    counts = [
        await house.context.database.fetch(f"SELECT count(*) AS n FROM {table}")
        for table in ("predictions", "models", "tokens", "files", "deployments")
    ]
    return sum(found[0]["n"] for found in counts)


async def test_the_same_request_gets_the_first_answer(
    house: House, ada: httpx.AsyncClient, send: Send
) -> None:
    before = await rows(house)
    first = await send(ada, "k")
    assert first.status_code in (200, 201)
    assert "idempotent-replayed" not in first.headers
    house.pass_time(86_399)
    again = await send(ada, "k")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert await rows(house) == before + 1


async def test_another_request_with_the_key_is_refused(
    house: House, ada: httpx.AsyncClient, send: Send
) -> None:
    await send(ada, "k", "one")
    before = await rows(house)
    refused = await send(ada, "k", "another")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")
    assert "Idempotency-Key" in refused.json()["detail"]
    elsewhere = await ada.post("/tokens", json={"name": "other"}, headers={"Idempotency-Key": "k"})
    assert elsewhere.status_code == 409
    assert await rows(house) == before
    assert len(list((house.context.settings.data / "objects").glob("??/*"))) in (0, 2)


async def test_many_at_once_make_one(house: House, ada: httpx.AsyncClient, send: Send) -> None:
    before = await rows(house)
    replies = await asyncio.gather(*(send(ada, "k") for _ in range(12)))
    assert {r.status_code for r in replies} <= {200, 201}
    assert len({r.text for r in replies}) == 1
    assert await rows(house) == before + 1


async def test_after_a_day_the_key_is_free(house: House, ada: httpx.AsyncClient) -> None:
    first = await ada.post("/tokens", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    house.pass_time(86_401)
    second = await ada.post("/tokens", json={"name": "b"}, headers={"Idempotency-Key": "k"})
    assert (second.status_code, second.json()["name"]) == (201, "b")
    assert first.json()["token"] != second.json()["token"]


async def test_accounts_do_not_share_keys(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    mine = await ada.post("/tokens", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    theirs = await bob.post("/tokens", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["token"] != theirs.json()["token"]


async def test_the_answer_outlives_the_process_and_no_token_lies_open(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    headers = {"Idempotency-Key": "k"}
    async with open_house(tmp_path, settings) as house, house.client() as client:
        first = await client.post("/tokens", json={"name": "a"}, headers=headers)
        token = house.tokens["ada"]
    lying = b"".join(f.read_bytes() for f in tmp_path.glob("ledger*"))
    assert first.json()["id"].encode() in lying
    assert first.json()["token"].encode() not in lying
    async with open_house(tmp_path, settings, fresh=False) as house:
        house.tokens["ada"] = token
        async with house.client() as client:
            again = await client.post("/tokens", json={"name": "a"}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())


async def test_a_refused_request_leaves_the_key_free(house: House, ada: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    bad = await ada.post("/models", json={**MODEL, "visibility": "?"}, headers=headers)
    assert bad.status_code == 400
    assert (await ada.post("/models", json=MODEL, headers=headers)).status_code == 201
    taken = await ada.post("/models", json=MODEL, headers={"Idempotency-Key": "other"})
    assert (taken.status_code, "already exists" in taken.text) == (409, True)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\u00e9"])
async def test_what_is_no_key_is_refused(ada: httpx.AsyncClient, key: str) -> None:
    reply = await ada.post("/tokens", json={"name": "a"}, headers={b"Idempotency-Key": key.encode()})
    assert (reply.status_code, "Idempotency-Key" in reply.text) == (400, True)


async def test_a_note_and_what_it_is_about_are_written_together_or_not_at_all(house: House) -> None:
    answer = Answer(account="ada", key="k", digest="d", expires_at="9", made="p")
    model = await house.model("first")
    with pytest.raises(Conflict):
        await house.context.catalog.create_model(model, [note(answer, "1")])
    assert await house.context.answers.get("ada", "k", "1") is None
    broken = Statement("INSERT INTO models (owner) VALUES ('nobody')", {})
    with pytest.raises(Exception, match="constraint"):
        await house.context.database.write(note(answer, "1"), broken)
    assert await house.context.answers.get("ada", "k", "1") is None


async def test_answers_are_swept_when_their_time_is_over(house: House) -> None:
    for number in range(5):
        answer = Answer(account="ada", key=f"k{number}", digest="d", expires_at=f"{number}", made="p")
        await house.context.database.write(note(answer, "0"))
    assert await house.context.answers.sweep("2", limit=2) == 2
    assert await house.context.answers.sweep("2", limit=2) == 1
    left = await house.context.database.fetch("SELECT key FROM answers ORDER BY key")
    assert [row["key"] for row in left] == ["k3", "k4"]


class TestTheCountOfThePythonClient:
    async def post(self, client: httpx.AsyncClient, count: str, word: str = "a") -> str:
        reply = await client.post(
            "/models/ada/hello/predictions",
            json={"input": {}, "note": word},
            headers={"X-Stainless-Retry-Count": count},
        )
        made: str = reply.json()["id"]
        return made

    async def test_a_retry_gets_what_its_first_try_made(self, house: House, ada: httpx.AsyncClient) -> None:
        await house.model()
        await house.version()
        first = await self.post(ada, "0")
        assert await self.post(ada, "1") == first
        assert await self.post(ada, "2") == first
        assert await self.post(ada, "1", "b") != first
        anew = await self.post(ada, "0")
        assert anew != first
        assert await self.post(ada, "1") == anew
        house.pass_time(601)
        assert await self.post(ada, "1") not in (first, anew)

    async def test_an_answer_that_never_came_about_is_made_by_the_retry(
        self, house: House, ada: httpx.AsyncClient
    ) -> None:
        await house.model()
        await house.version()
        made = await self.post(ada, "1")
        stored = await house.context.predictions.get(made)
        assert stored is not None
        assert stored.created_at == rfc3339(house.clock[0])
