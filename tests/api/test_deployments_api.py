"""Deployments over HTTP: shapes, limits, names, whose they are."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from mainspring.core.ids import rfc3339
from tests.api.house import BASE, START, House

A = "a" * 64
B = "b" * 64
BODY = {
    "name": "prod",
    "model": "ada/hello",
    "version": A,
    "hardware": "cpu",
    "min_instances": 0,
    "max_instances": 3,
}


@pytest.fixture(autouse=True)
async def furnished(house: House) -> None:
    await house.model()
    await house.version(digit="b")
    await house.version()


async def test_a_deployment_looks_like_replicates(house: House, ada: httpx.AsyncClient) -> None:
    made = await ada.post("/deployments", json=BODY)
    assert made.status_code == 200
    assert made.json() == {
        "owner": "ada",
        "name": "prod",
        "current_release": {
            "number": 1,
            "model": "ada/hello",
            "version": A,
            "created_at": rfc3339(START),
            "created_by": {"type": "user", "username": "ada", "name": "Ada"},
            "configuration": {"hardware": "cpu", "min_instances": 0, "max_instances": 3},
        },
        "rollout": {"state": "live", "serving_release": 1, "failed_release": None, "error": None},
        "now": {"starting": 0, "idle": 0, "processing": 0, "queue": 0, "oldest": None},
    }
    assert (await ada.get("/deployments/ada/prod")).json() == made.json()
    changed = (await ada.patch("/deployments/ada/prod", json={"version": B})).json()
    assert changed["current_release"]["number"] == 2
    assert changed["rollout"]["state"] == "booting"
    created = await ada.post("/deployments/ada/prod/predictions", json={"input": {}})
    assert created.status_code == 201
    assert (created.json()["version"], created.json()["deployment"]) == (A, "ada/prod")


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"name": "a b"}, 400, "- name: may only have letters"),
        ({"name": ""}, 400, "- name: may not be blank"),
        ({"hardware": "gpu-x"}, 400, "- hardware: gpu-x is not a valid hardware SKU. Your options are: cpu"),
        ({"hardware": "gpu-h100-8x"}, 400, "is not a valid hardware SKU"),
        ({"min_instances": 6, "max_instances": 9}, 400, "- min_instances: Ensure this value is less than"),
        ({"max_instances": 21}, 400, "- max_instances: Ensure this value is less than or equal to 20."),
        ({"min_instances": 4}, 400, "- min_instances: Ensure this value is less than or equal to max"),
        ({"min_instances": -1}, 422, "min_instances"),
        ({"min_instances": 1.5}, 422, "min_instances"),
        ({"max_instances": 10**30}, 400, "max_instances"),
        ({"version": "c" * 64}, 422, "The specified version does not exist"),
        ({"version": "hello"}, 422, "The specified version does not exist"),
        ({"model": "hello"}, 422, "The specified version does not exist"),
        ({"model": "ada/hel/lo"}, 422, "The specified version does not exist"),
        ({"model": None}, 422, "model"),
        ({"color": "red"}, 422, "color"),
    ],
)
async def test_what_can_not_be_deployed(
    ada: httpx.AsyncClient, change: dict[str, Any], status: int, told: str
) -> None:
    refused = await ada.post("/deployments", json=BODY | change)
    assert refused.status_code == status, refused.text
    assert told in refused.json()["detail"]
    assert (await ada.get("/deployments")).json()["results"] == []
    await ada.post("/deployments", json=BODY)
    if "name" not in change:
        again = await ada.patch("/deployments/ada/prod", json=change)
        assert (again.status_code, told in again.json()["detail"]) == (status, True)
    assert (await ada.get("/deployments/ada/prod")).json()["current_release"]["number"] == 1


@pytest.mark.parametrize("key", sorted(BODY))
async def test_every_field_is_required(ada: httpx.AsyncClient, key: str) -> None:
    refused = await ada.post("/deployments", json={k: v for k, v in BODY.items() if k != key})
    assert refused.status_code == 422
    assert refused.json()["invalid_fields"][0]["type"] == "required"


async def test_a_name_is_taken_once(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    assert (await ada.post("/deployments", json=BODY)).status_code == 200
    assert (await ada.post("/deployments", json=BODY)).status_code == 409
    assert (await bob.post("/deployments", json=BODY)).json()["owner"] == "bob"


async def test_those_of_others_are_not_there(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await ada.post("/deployments", json=BODY)
    assert (await bob.get("/deployments")).json()["results"] == []
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/releases"),
        ("POST", "/predictions"),
    ):
        refused = await bob.request(method, f"/deployments/ada/prod{path}", json={"input": {}})
        assert refused.json() == {"detail": "The requested resource could not be found.", "status": 404}


async def test_models_of_others_can_be_deployed_while_they_may_be_seen(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    assert (await bob.post("/deployments", json=BODY)).status_code == 200
    await ada.patch("/models/ada/hello", json={"visibility": "private"})
    assert (await bob.post("/deployments", json=BODY | {"name": "two"})).status_code == 422
    assert (await bob.post("/deployments/bob/prod/predictions", json={"input": {}})).status_code == 422
    assert (await bob.patch("/deployments/bob/prod", json={"version": B})).status_code == 422
    off = await bob.patch("/deployments/bob/prod", json={"max_instances": 0})
    assert off.json()["rollout"]["state"] == "disabled"


async def test_they_are_listed_newest_first_in_pages(house: House, ada: httpx.AsyncClient) -> None:
    for number in range(101):
        await ada.post("/deployments", json=BODY | {"name": f"d{number:03}"})
        house.pass_time(1)
    first = (await ada.get("/deployments")).json()
    assert [first["results"][0]["name"], len(first["results"]), first["previous"]] == ["d100", 100, None]
    assert first["next"].startswith(f"{BASE}/v1/deployments?cursor=")
    assert [d["name"] for d in (await ada.get(first["next"])).json()["results"]] == ["d000"]


async def test_each_change_is_a_release_of_its_own_number(ada: httpx.AsyncClient) -> None:
    await ada.post("/deployments", json=BODY)
    changes = [{"max_instances": n} for n in (4, 5, 6)] + [{"version": B}, {}]
    replies = await asyncio.gather(*(ada.patch("/deployments/ada/prod", json=change) for change in changes))
    assert {r.status_code for r in replies} == {200}
    found = (await ada.get("/deployments/ada/prod/releases")).json()["results"]
    assert [r["number"] for r in found] == [6, 5, 4, 3, 2, 1]
    assert found[0]["version"] == B
    assert found[0]["configuration"]["max_instances"] in (4, 5, 6)
    assert sum(r["state"] == "live" for r in found) == 1


async def test_a_deleted_one_is_gone(ada: httpx.AsyncClient) -> None:
    await ada.post("/deployments", json=BODY)
    assert (await ada.delete("/deployments/ada/prod")).status_code == 204
    assert (await ada.delete("/deployments/ada/prod")).status_code == 404
    assert (await ada.post("/deployments/ada/prod/predictions", json={"input": {}})).status_code == 404


async def test_hardware_is_what_this_machine_has(ada: httpx.AsyncClient) -> None:
    listed = (await ada.get("/hardware")).json()
    assert {"name": "CPU", "sku": "cpu"} in listed
    assert {"name": "Nvidia T4 GPU", "sku": "gpu-t4"} in listed
    assert not any("8x" in one["sku"] for one in listed)
