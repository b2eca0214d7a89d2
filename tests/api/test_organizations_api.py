"""Accounts and organizations over HTTP: who makes them, who manages their people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.house import House
from tests.api.people import V, organized


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with organized(tmp_path / "house") as opened:
        yield opened


@pytest.fixture
async def root(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client("root") as client:
        yield client


@pytest.fixture
async def olga(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client("olga") as client:
        yield client


async def test_the_operator_makes_an_account_with_its_first_token(
    house: House, root: httpx.AsyncClient
) -> None:
    made = await root.post("/accounts", json={"username": "zoe", "name": "Zoë"})
    assert (made.status_code, made.json()["name"], made.json()["type"]) == (201, "Zoë", "user")
    token = (await root.post("/tokens?account=zoe", json={"name": "first"})).json()["token"]
    house.tokens["zoe"] = token
    async with house.client("zoe") as zoe:
        assert (await zoe.get("/account")).json()["username"] == "zoe"
        assert (await zoe.patch("/account", json={"name": "Z"})).json()["name"] == "Z"
        assert (await root.patch("/accounts/zoe", json={"disabled": True})).json()["disabled_at"]
        assert (await zoe.get("/account")).status_code == 401
        await root.patch("/accounts/zoe", json={"disabled": False, "name": "Zoe"})
        assert (await zoe.get("/account")).json()["name"] == "Zoe"
    names = [one["username"] for one in (await root.get("/accounts")).json()["results"]]
    assert names == sorted(names)
    assert "acme" not in names


@pytest.mark.parametrize("username", ["tokens", "Docs", "a b", "", "a/b", "x" * 101])
async def test_a_name_that_none_can_have_is_told(root: httpx.AsyncClient, username: str) -> None:
    for path in ("/accounts", "/organizations"):
        reply = await root.post(path, json={"username": username})
        assert reply.status_code == 400
        assert "- username: " in reply.json()["detail"]


async def test_a_taken_name_and_the_operators_own_account_stay(root: httpx.AsyncClient) -> None:
    assert (await root.post("/accounts", json={"username": "ACME"})).status_code == 409
    assert (await root.post("/organizations", json={"username": "Ada"})).status_code == 409
    assert (await root.post("/organizations", json={"username": "new", "owner": "no"})).status_code == 409
    assert (await root.patch("/accounts/root", json={"disabled": True})).status_code == 409
    assert (await root.patch("/accounts/acme", json={"name": "x"})).status_code == 404


async def test_owners_manage_people_and_a_role_holds_with_the_next_call(
    house: House, olga: httpx.AsyncClient
) -> None:
    path = "/organizations/acme/members/bob"
    closed = "/models/acme/closed"
    async with house.client("bob") as bob:
        assert (await bob.get(closed)).status_code == 404
        shown = (await olga.put(path, json={"role": "viewer"})).json()
        assert {one["account"]: one["role"] for one in shown["members"]}["bob"] == "viewer"
        assert (await bob.get(closed)).status_code == 200
        refused = await bob.post(f"{closed}/predictions", json={"input": {}})
        assert refused.status_code == 403
        assert "You are a viewer of acme: that allows read, and this takes run." in refused.json()["detail"]
        for asked in ({"version": V}, {"version": "acme/closed"}):
            assert (await bob.post("/predictions", json={**asked, "input": {}})).status_code == 403
        await olga.put(path, json={"role": "member"})
        made = await bob.post(f"{closed}/predictions", json={"input": {}})
        assert made.status_code == 201
        assert (await bob.patch(closed, json={"description": "d"})).status_code == 200
        assert (await bob.put(path, json={"role": "owner"})).status_code == 403
        assert (await bob.delete(path)).status_code == 204
        assert (await bob.get(closed)).status_code == 404
        assert (await bob.get(f"/predictions/{made.json()['id']}")).status_code == 200
    assert (await olga.delete("/organizations/acme/members/olga")).status_code == 409
    assert (await olga.put("/organizations/acme/members/olga", json={"role": "viewer"})).status_code == 409
    assert (await olga.put("/organizations/acme/members/nobody", json={"role": "viewer"})).status_code == 404
    assert (await olga.put(path, json={"role": "king"})).status_code == 422
    assert (await olga.patch("/organizations/acme", json={"name": "A"})).json()["name"] == "A"
    assert (await olga.patch("/organizations/acme", json={"disabled": True})).status_code == 403


async def test_a_version_by_its_id_alone_runs_only_for_whoever_may(house: House) -> None:
    async def asked(account: str) -> tuple[int, str]:
        async with house.client(account) as client:
            answer = await client.post("/predictions", json={"version": V, "input": {}})
        return answer.status_code, answer.json().get("model") or answer.json()["detail"]

    unknown = (422, (await asked("ada"))[1])
    async with house.client() as ada:
        none = await ada.post("/predictions", json={"version": "f" * 64, "input": {}})
    assert (none.status_code, none.json()["detail"]) == unknown
    assert [(await asked(one))[0] for one in ("ada", "root", "vic", "mia", "acme")] == [
        422,
        422,
        403,
        201,
        201,
    ]
    await house.model("open", "bob")
    await house.version("bob/open", "b")
    for account in ("ada", "vic", "mia"):
        assert await asked(account) == (201, "bob/open"), account
    assert await asked("acme") == (201, "acme/closed")


async def test_a_disabled_organization_acts_no_more(
    house: House, root: httpx.AsyncClient, olga: httpx.AsyncClient
) -> None:
    await root.patch("/organizations/acme", json={"disabled": True})
    assert (await olga.get("/models/acme/closed")).status_code == 404
    assert (await olga.post("/predictions", json={"version": V, "input": {}})).status_code == 422
    assert (await olga.get("/models")).json()["results"] == []
    async with house.client("acme") as acme:
        assert (await acme.get("/account")).status_code == 401
        await root.patch("/organizations/acme", json={"disabled": False})
        assert (await acme.get("/account")).status_code == 200
    assert (await olga.get("/models/acme/closed")).status_code == 200


async def test_a_deployment_of_the_organization_runs_what_the_organization_has(house: House) -> None:
    release = {"name": "new", "hardware": "cpu", "min_instances": 0, "max_instances": 1}
    await house.model("own", "mia", visibility="private")
    await house.version("mia/own", "d")
    async with house.client("mia") as mia:
        own = release | {"model": "mia/own", "version": "d" * 64}
        assert (await mia.post("/deployments?account=acme", json=own)).status_code == 422
        closed = release | {"model": "acme/closed", "version": V}
        made = await mia.post("/deployments?account=acme", json=closed)
        assert (made.json()["owner"], made.json()["current_release"]["created_by"]["username"]) == (
            "acme",
            "mia",
        )
        prediction = await mia.post("/deployments/acme/new/predictions", json={"input": {}})
        assert prediction.status_code == 201
        found = await house.context.predictions.get(prediction.json()["id"])
        assert found
        assert (found.account, found.deployment) == ("mia", "acme/new")
        mine = await mia.post("/deployments", json=closed)
        assert mine.json()["owner"] == "mia"
        await house.context.members.remove("acme", "mia")
        assert (await mia.post("/deployments/mia/new/predictions", json={"input": {}})).status_code == 422
        assert (await mia.post("/deployments/acme/new/predictions", json={"input": {}})).status_code == 404


async def test_the_operators_limit_of_an_organization_is_not_its_owners_to_lift(
    root: httpx.AsyncClient, olga: httpx.AsyncClient
) -> None:
    asked = {"account": "acme", "monthly": "5.00"}
    assert (await olga.put("/limits", json=asked)).status_code == 200
    assert (await olga.delete("/limits?account=acme")).status_code == 204
    assert (await root.put("/limits", json=asked)).status_code == 200
    assert (await olga.put("/limits", json=asked)).status_code == 403
    assert (await olga.delete("/limits?account=acme")).status_code == 403
    assert (await root.delete("/limits?account=acme")).status_code == 204
