"""Models, versions, account, hardware and tokens over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import replicate
from replicate.exceptions import ReplicateError

from mainspring.core.ids import rfc3339
from mainspring.database import Statement
from tests.api.house import BASE, START, House

A, B = "a" * 64, "b" * 64


def official(house: House, account: str = "ada") -> replicate.Client:
    """The official client; only its asynchronous calls work in-process."""
    return replicate.Client(
        api_token=house.tokens[account], base_url=BASE, transport=httpx.ASGITransport(house.app)
    )


async def test_the_official_client_makes_reads_and_lists_models(house: House) -> None:
    client = official(house)
    made = await client.models.async_create(
        "ada", "hello", visibility="private", hardware="cpu", description="Says hello"
    )
    assert (made.owner, made.name, made.visibility, made.run_count) == ("ada", "hello", "private", 0)
    assert made.latest_version is None
    version = await house.version()
    got = await client.models.async_get("ada/hello")
    assert got.latest_version is not None
    assert (got.latest_version.id, got.latest_version.cog_version) == (version.id, "0.23.1")
    assert got.latest_version.openapi_schema == version.openapi_schema
    assert [m.name for m in (await client.models.async_list()).results] == ["hello"]
    assert [v.id for v in (await got.versions.async_list()).results] == [A]
    assert (await got.versions.async_get(A)).id == A


async def test_the_official_client_understands_faults(house: House) -> None:
    client = official(house)
    with pytest.raises(ReplicateError) as caught:
        await client.models.async_create("ada", "hello", visibility="public", hardware="gpu-x")
    assert (caught.value.status, caught.value.title) == (400, "Validation failed")
    assert "- hardware: gpu-x is not a valid hardware SKU. Your options are: cpu" in (
        caught.value.detail or ""
    )


async def test_account_and_hardware_of_the_official_client(house: House) -> None:
    client = official(house)
    account = await client.accounts.async_current()
    assert (account.username, account.type, account.name) == ("ada", "user", "Ada")
    assert ("cpu", "CPU") in [(h.sku, h.name) for h in await client.hardware.async_list()]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account"),
        ("GET", "/hardware"),
        ("GET", "/models"),
        ("POST", "/models"),
        ("GET", "/models/ada/hello"),
        ("PATCH", "/models/ada/hello"),
        ("DELETE", "/models/ada/hello"),
        ("GET", "/models/ada/hello/readme"),
        ("GET", "/models/ada/hello/versions"),
        ("GET", f"/models/ada/hello/versions/{A}"),
        ("DELETE", f"/models/ada/hello/versions/{A}"),
        ("GET", "/tokens"),
        ("POST", "/tokens"),
        ("DELETE", "/tokens/x"),
        ("POST", "/files"),
        ("GET", "/files"),
        ("GET", "/files/x"),
        ("DELETE", "/files/x"),
        ("GET", "/files/x/download"),
    ],
)
async def test_everything_asks_for_a_token(nobody: httpx.AsyncClient, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer ms_wrong"}):
        response = await nobody.request(method, path, headers=headers)
        assert (response.status_code, response.json()["title"]) == (401, "Unauthenticated")


async def test_a_model_has_every_key_that_clients_read(house: House, ada: httpx.AsyncClient) -> None:
    await house.model()
    assert (await ada.get("/models/ada/hello")).json() == {
        "url": f"{BASE}/ada/hello",
        "owner": "ada",
        "name": "hello",
        "description": None,
        "visibility": "public",
        "hardware": "cpu",
        "is_official": False,
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "run_count": 0,
        "cover_image_url": f"{BASE}/static/mark.svg",
        "default_example": None,
        "latest_version": None,
        "created_at": rfc3339(START),
        "scaling": {"min_instances": 0, "max_instances": None, "idle_timeout": None},
        "resources": {"memory": None, "gpu_memory": None, "gpus": None},
        "retention": None,
        "cache": {
            "deterministic": False,
            "seed_input": None,
            "max_age": None,
            "saved": {"hits": 0, "joined": 0, "seconds_saved": 0.0, "amount_saved": "0.00"},
        },
        "aliases": [],
        "weights": None,
        "estimate": None,
    }


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"owner": "bob"}, 403, "your own account"),
        ({"name": "a b"}, 400, "- name: may only have"),
        ({"name": ""}, 400, "- name: may not be blank"),
        ({"visibility": "secret"}, 400, "- visibility: must be public or private"),
        ({"github_url": "javascript:alert(1)"}, 400, "- github_url: Enter a valid URL."),
        ({"speed": 1}, 422, "- Additional property speed is not allowed"),
        ({"name": 3}, 422, "name: "),
    ],
)
async def test_a_model_that_can_not_be(
    ada: httpx.AsyncClient, change: dict[str, Any], status: int, told: str
) -> None:
    body = {"owner": "ada", "name": "hello", "visibility": "public", "hardware": "cpu"} | change
    response = await ada.post("/models", json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert told in response.json()["detail"]
    assert (await ada.get("/models")).json()["results"] == []


async def test_a_model_is_made_once(ada: httpx.AsyncClient) -> None:
    body = {"owner": "ada", "name": "hello", "visibility": "public", "hardware": "cpu"}
    assert (await ada.post("/models", json=body)).status_code == 201
    again = await ada.post("/models", json=body)
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "A model with that name and owner already exists",
    )
    missing = await ada.post("/models", json={"owner": "ada"})
    assert missing.status_code == 422


async def test_private_models_of_others_are_not_there(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await house.model("open")
    await house.model("closed", visibility="private")
    await house.version("ada/closed")
    assert [m["name"] for m in (await bob.get("/models")).json()["results"]] == ["open"]
    assert len((await ada.get("/models")).json()["results"]) == 2
    for path in ("", "/readme", "/versions", f"/versions/{A}"):
        response = await bob.get(f"/models/ada/closed{path}")
        assert response.json() == {"detail": "The requested resource could not be found.", "status": 404}
    for method, path in (("PATCH", ""), ("DELETE", ""), ("DELETE", f"/versions/{A}")):
        assert (await bob.request(method, f"/models/ada/closed{path}", json={})).status_code == 404
        assert (await bob.request(method, f"/models/ada/open{path}", json={})).status_code == 403
    assert (await ada.get("/models/ada/closed")).json()["latest_version"]["id"] == A


async def test_update_changes_what_is_given(house: House, ada: httpx.AsyncClient) -> None:
    await house.model(description="old", paper_url="https://x.org/paper")
    changed = await ada.patch(
        "/models/ada/hello",
        json={"description": "new", "readme": "# Hi", "scaling": {"min_instances": 1, "idle_timeout": 2.5}},
    )
    assert changed.status_code == 200
    body = changed.json()
    assert (body["description"], body["paper_url"]) == ("new", "https://x.org/paper")
    assert body["scaling"] == {"min_instances": 1, "max_instances": None, "idle_timeout": 2.5}
    readme = await ada.get("/models/ada/hello/readme")
    assert (readme.text, readme.headers["content-type"]) == ("# Hi", "text/plain; charset=utf-8")
    cleared = await ada.patch("/models/ada/hello", json={"paper_url": None, "readme": ""})
    assert cleared.json()["paper_url"] is None
    assert (await ada.get("/models/ada/hello/readme")).status_code == 404
    assert cleared.json() == (await ada.get("/models/ada/hello")).json()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"scaling": {"min_instances": -1}}, 400),
        ({"scaling": {"max_instances": 0}}, 400),
        ({"scaling": {"min_instances": 3, "max_instances": 2}}, 400),
        ({"scaling": {"idle_timeout": -1}}, 400),
        ({"scaling": {"speed": 1}}, 422),
        ({"resources": {"memory": -1}}, 400),
        ({"resources": {"gpus": 65}}, 400),
        ({"resources": {"gpu_memory": "much"}}, 422),
        ({"license_url": "ftp://x"}, 400),
        ({"visibility": None}, 422),
        ({"hardware": "gpu-h100-8x"}, 400),
        ({"run_count": 5}, 422),
    ],
)
async def test_an_update_that_can_not_be_changes_nothing(
    house: House, ada: httpx.AsyncClient, change: dict[str, Any], status: int
) -> None:
    await house.model()
    before = (await ada.get("/models/ada/hello")).json()
    assert (await ada.patch("/models/ada/hello", json={"description": "x", **change})).status_code == status
    assert (await ada.get("/models/ada/hello")).json() == before


async def test_only_private_models_without_versions_are_deleted(house: House, ada: httpx.AsyncClient) -> None:
    await house.model()
    await house.version()
    assert (await ada.delete("/models/ada/hello")).status_code == 403
    assert (await ada.delete(f"/models/ada/hello/versions/{A}")).status_code == 403
    assert (await ada.patch("/models/ada/hello", json={"visibility": "private"})).status_code == 200
    assert "versions" in (await ada.delete("/models/ada/hello")).json()["detail"]
    assert (await ada.delete(f"/models/ada/hello/versions/{A}")).status_code == 202
    assert (await ada.get(f"/models/ada/hello/versions/{A}")).status_code == 404
    assert (await ada.delete(f"/models/ada/hello/versions/{A}")).status_code == 404
    deleted = await ada.delete("/models/ada/hello")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await ada.get("/models/ada/hello")).status_code == 404


async def test_a_version_that_is_waited_for_is_not_deleted(house: House, ada: httpx.AsyncClient) -> None:
    await house.model(visibility="private")
    await house.version()
    sql = """INSERT INTO predictions (id, account, model, version, queue, source, status, input, created_at)
             VALUES ('p', 'ada', 'ada/hello', :v, 'ada/hello:' || :v, 'api', 'starting', '{}', '')"""
    await house.context.database.write(Statement(sql, {"v": A}))
    assert (await ada.delete(f"/models/ada/hello/versions/{A}")).status_code == 409
    assert (await ada.get(f"/models/ada/hello/versions/{A}")).status_code == 200


async def test_pages_are_linked_by_absolute_urls(house: House, ada: httpx.AsyncClient) -> None:
    for number in range(101):
        await house.model(f"m{number:03}")
        house.pass_time(1)
    first = (await ada.get("/models?sort_by=model_created_at")).json()
    assert [first["previous"], len(first["results"])] == [None, 100]
    assert first["next"].startswith(f"{BASE}/v1/models?")
    second = (await ada.get(first["next"])).json()
    assert [m["name"] for m in second["results"]] == ["m000"]
    assert second["next"] is None
    assert (await ada.get(second["previous"])).json()["results"] == first["results"]
    oldest = (await ada.get("/models?sort_by=model_created_at&sort_direction=asc")).json()
    assert oldest["results"][0]["name"] == "m000"
    for query in ("cursor=xyz", "cursor=bj1h", "sort_by=name", "sort_direction=up"):
        assert (await ada.get(f"/models?{query}")).status_code == 400


async def test_tokens_are_made_listed_and_disabled(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    made = await ada.post("/tokens", json={"name": "laptop"})
    assert made.status_code == 201
    secret, token_id = made.json()["token"], made.json()["id"]
    mine = {"Authorization": f"Token {secret}"}
    assert (await ada.get("/account", headers=mine)).json()["username"] == "ada"
    listed = await ada.get("/tokens")
    assert secret not in listed.text
    assert {t["name"] for t in listed.json()["results"]} == {"laptop", "test"}
    assert all(t["last_used_at"] for t in listed.json()["results"])
    assert (await bob.delete(f"/tokens/{token_id}")).status_code == 404
    assert (await ada.delete(f"/tokens/{token_id}")).status_code == 204
    assert (await ada.get("/account", headers=mine)).status_code == 401
    assert (await ada.delete(f"/tokens/{token_id}")).status_code == 404
    assert (await ada.post("/tokens", json={"name": "x" * 101})).status_code == 422


async def test_what_an_instance_takes_is_said_and_taken_back(house: House, ada: httpx.AsyncClient) -> None:
    await house.model()
    said = {"memory": 3_000, "gpu_memory": 8_000, "gpus": 2}
    changed = await ada.patch("/models/ada/hello", json={"resources": said})
    assert changed.json()["resources"] == said
    changed = await ada.patch("/models/ada/hello", json={"resources": {"gpu_memory": None, "gpus": 0}})
    assert changed.json()["resources"] == {"memory": 3_000, "gpu_memory": None, "gpus": None}
