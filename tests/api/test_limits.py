"""How often an account may call, as clients see it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from mainspring.settings import Settings
from tests.api.house import House


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, create_limit=6, call_limit=30)


async def create(client: httpx.AsyncClient, path: str = "/models/ada/hello/predictions") -> httpx.Response:
    return await client.post(path, json={"input": {}})


def standing(reply: httpx.Response) -> dict[str, str]:
    return {k: v for k, v in reply.headers.items() if k.startswith("ratelimit") or k == "retry-after"}


async def test_creates_are_refused_past_their_limit_and_taken_again_when_it_is_time(
    house: House, ada: httpx.AsyncClient
) -> None:
    await house.model()
    await house.version()
    first = await create(ada)
    assert standing(first) == {
        "ratelimit-limit": "6",
        "ratelimit-remaining": "5",
        "ratelimit-reset": "10",
    }
    assert [(await create(ada)).status_code for _ in range(5)] == [201] * 5
    refused = await create(ada)
    assert refused.status_code == 429
    assert standing(refused) == {
        "ratelimit-limit": "6",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "60",
        "retry-after": "10",
    }
    told = refused.json()
    assert (told["status"], told["retry_after"]) == (429, 10)
    assert told["detail"].startswith("Request was throttled. Your rate limit for creating predictions is 6")
    assert refused.headers["content-type"] == "application/problem+json"
    house.pass_time(10)
    assert (await create(ada)).status_code == 201
    assert (await create(ada)).status_code == 429


async def test_reading_goes_on_while_creating_is_refused_and_accounts_do_not_share(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await house.model()
    await house.version()
    for _ in range(7):
        refused = await create(ada)
    assert refused.status_code == 429
    listed = await ada.get("/predictions")
    assert (listed.status_code, standing(listed)["ratelimit-remaining"]) == (200, "29")
    assert len(listed.json()["results"]) == 6
    assert (await create(bob)).status_code == 201


async def test_other_calls_have_a_limit_of_their_own(house: House, ada: httpx.AsyncClient) -> None:
    assert {(await ada.get("/account")).status_code for _ in range(30)} == {200}
    refused = await ada.get("/models/nobody/nothing")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    house.pass_time(2)
    missing = await ada.get("/models/nobody/nothing")
    assert (missing.status_code, standing(missing)["ratelimit-remaining"]) == (404, "0")


async def test_what_needs_no_token_is_not_counted(house: House, nobody: httpx.AsyncClient) -> None:
    for _ in range(40):
        assert standing(await nobody.get("/account")) == {}
        assert (await nobody.get(f"{nobody.base_url.join('/health')}")).status_code == 200


class TestWithoutLimits:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(data=tmp_path, create_limit=0, call_limit=0)

    async def test_nothing_is_told_or_refused(self, house: House, ada: httpx.AsyncClient) -> None:
        await house.model()
        await house.version()
        for _ in range(700):
            reply = await create(ada)
        assert (reply.status_code, standing(reply)) == (201, {})


async def test_a_full_queue_says_when_to_come_back(house: House, ada: httpx.AsyncClient) -> None:
    await house.model()
    version = await house.version()
    house.context.feed.moved(f"ada/hello:{version.id}", house.context.settings.max_queue)
    refused = await create(ada)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert "The queue of ada/hello is full" in refused.json()["detail"]
