"""Tokens over HTTP: what they may do, how long, how they are replaced, and that none makes a greater one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.house import House
from tests.api.people import organized


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with organized(tmp_path / "house") as opened:
        yield opened


async def make(client: httpx.AsyncClient, account: str | None = None, **asked: Any) -> dict[str, Any]:
    reply = await client.post("/tokens", json=asked, params={"account": account} if account else None)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def id_of(client: httpx.AsyncClient, name: str) -> str:
    (found,) = [one["id"] for one in (await client.get("/tokens")).json()["results"] if one["name"] == name]
    return str(found)


def with_token(house: House, token: str) -> httpx.AsyncClient:
    client = house.client(None)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


async def test_a_token_has_the_scopes_and_the_end_that_were_asked_for(
    house: House, ada: httpx.AsyncClient
) -> None:
    made = await make(ada, name="shop", scopes=["run"], expires_in="1h")
    assert made["scopes"] == ["read", "run"]
    assert made["expires_at"] == "2026-05-01T13:00:00.000000Z"
    async with with_token(house, made["token"]) as shop:
        assert (await shop.get("/predictions")).status_code == 200
        refused = await shop.get("/tokens")
        assert refused.status_code == 403
        assert "lacks the scope admin, which tokens.list needs; it has: read run." in refused.json()["detail"]
        house.pass_time(3600)
        assert (await shop.get("/predictions")).status_code == 401
    listed = {one["name"]: one for one in (await ada.get("/tokens")).json()["results"]}
    assert listed["test"]["scopes"] == ["read", "run", "push", "admin"]
    assert all("token" not in one for one in listed.values())


async def test_no_token_makes_or_renews_one_that_may_more(house: House, ada: httpx.AsyncClient) -> None:
    admin = await make(ada, name="admin", scopes=["admin"], expires_in="1d")
    great = await id_of(ada, "test")
    async with with_token(house, admin["token"]) as small:
        for asked, told in (
            ({"scopes": ["run"]}, "scopes that it lacks itself: run"),
            ({"expires_in": "2d"}, "outlives it"),
        ):
            reply = await small.post("/tokens", json={"name": "x", **asked})
            assert reply.status_code == 403, reply.text
            assert told in reply.json()["detail"]
        inherited = await make(small, name="as it is")
        assert (inherited["scopes"], inherited["expires_at"]) == (["read", "admin"], admin["expires_at"])
        assert (await small.post(f"/tokens/{great}/rotate", json={})).status_code == 403
        assert (await small.post(f"/tokens/{admin['id']}/rotate", json={})).status_code == 201


async def test_a_token_with_a_limit_of_its_own_cant_get_around_it(
    house: House, ada: httpx.AsyncClient
) -> None:
    made = await make(ada, name="thrifty", limit={"monthly": "5.00", "daily_soft": 1})
    limits = {one["period"]: one for one in (await ada.get("/limits")).json()["results"]}
    assert {one["token"] for one in limits.values()} == {made["id"]}
    assert (limits["month"]["hard"], limits["day"]["hard"], limits["day"]["soft"]) == ("5.00", None, "1.00")
    other = await id_of(ada, "test")
    async with with_token(house, made["token"]) as thrifty:
        for path in ("/tokens", f"/tokens/{other}/rotate"):
            refused = await thrifty.post(path, json={})
            assert (refused.status_code, "limit of its own" in refused.json()["detail"]) == (403, True)
        assert (await thrifty.put("/limits", json={"monthly": None})).status_code == 403
    refused = await ada.post("/tokens", json={"limit": {"monthly": -1}})
    assert refused.status_code == 400
    assert len((await ada.get("/tokens")).json()["results"]) == 2


async def test_a_token_is_rotated_at_once_or_after_a_grace(house: House, ada: httpx.AsyncClient) -> None:
    made = await make(ada, name="shop", scopes=["run"], limit={"monthly": "5.00"})
    reply = await ada.post(f"/tokens/{made['id']}/rotate", json={"grace": "10m"})
    rotated = reply.json()
    same = ("id", "name", "scopes", "created_at", "expires_at")
    assert {k: rotated[k] for k in same} == {k: made[k] for k in same}
    assert rotated["previous_until"] == "2026-05-01T12:10:00.000000Z"
    async with with_token(house, made["token"]) as old, with_token(house, rotated["token"]) as new:
        assert [(await one.get("/predictions")).status_code for one in (old, new)] == [200, 200]
        house.pass_time(600)
        assert [(await one.get("/predictions")).status_code for one in (old, new)] == [401, 200]
        again = (await ada.post(f"/tokens/{made['id']}/rotate", json={})).json()
        assert (await new.get("/predictions")).status_code == 401
    async with with_token(house, again["token"]) as newest:
        assert (await newest.get("/predictions")).status_code == 200
    assert (await ada.get("/limits")).json()["results"][0]["token"] == made["id"]
    assert (await ada.delete(f"/tokens/{made['id']}")).status_code == 204
    assert (await ada.post(f"/tokens/{made['id']}/rotate", json={})).status_code == 404
    assert (await ada.post("/tokens/nothing/rotate", json={})).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"scopes": ["write"]},
        {"scopes": []},
        {"expires_in": "soon"},
        {"expires_in": "0s"},
        {"expires_in": "999999999d"},
        {"name": "x" * 101},
    ],
)
async def test_what_no_token_can_be_is_told(ada: httpx.AsyncClient, asked: dict[str, Any]) -> None:
    reply = await ada.post("/tokens", json=asked)
    assert reply.status_code == 422, reply.text
    assert next(iter(asked)) in reply.json()["detail"]


async def test_a_repeat_by_another_token_does_not_get_the_secret(
    house: House, ada: httpx.AsyncClient
) -> None:
    admin = await make(ada, name="admin", scopes=["admin"])
    headers = {"Idempotency-Key": "k"}
    first = await ada.post("/tokens", json={"name": "great"}, headers=headers)
    again = await ada.post("/tokens", json={"name": "great"}, headers=headers)
    assert again.json() == first.json()
    async with with_token(house, admin["token"]) as small:
        assert (await small.post("/tokens", json={"name": "great"}, headers=headers)).status_code == 409
        retried = {"X-Stainless-Retry-Count": "1"}
        made = (await small.post("/tokens", json={"name": "great"}, headers=retried)).json()
        assert made["scopes"] == ["read", "admin"]


async def test_an_owner_makes_tokens_of_the_organization_which_act_as_it(house: House) -> None:
    async with house.client("olga") as olga:
        made = await make(olga, "acme", name="shop", scopes=["run"])
        assert made["id"] not in [one["id"] for one in (await olga.get("/tokens")).json()["results"]]
        listed = (await olga.get("/tokens", params={"account": "acme"})).json()["results"]
        assert made["id"] in [one["id"] for one in listed]
        async with with_token(house, made["token"]) as shop:
            assert (await shop.get("/account")).json()["username"] == "acme"
            prediction = (
                await shop.post("/predictions", json={"version": "acme/closed", "input": {}})
            ).json()
            assert (await shop.post("/models/acme/closed/predictions", json={"input": {}})).status_code == 201
        assert (await olga.get(f"/predictions/{prediction['id']}")).status_code == 200
        own = (await olga.post("/predictions", json={"version": "acme/closed", "input": {}})).json()
        ids = [one["id"] for one in (await olga.get("/predictions")).json()["results"]]
        assert (prediction["id"] in ids, own["id"] in ids) == (False, True)
        of_acme = (await olga.get("/predictions", params={"account": "acme"})).json()["results"]
        assert prediction["id"] in [one["id"] for one in of_acme]
        assert (await olga.patch(f"/tokens/{made['id']}?account=acme", json={"name": "y"})).json()[
            "name"
        ] == "y"
    async with house.client("bob") as bob:
        assert (await bob.get(f"/predictions/{prediction['id']}")).status_code == 404
