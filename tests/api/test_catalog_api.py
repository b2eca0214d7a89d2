"""The catalogue and aliases over HTTP: who may do what, and what an id comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from mainspring.core.ids import rfc3339
from mainspring.records.aliases import Alias
from mainspring.records.installed import Installed
from mainspring.settings import Settings
from tests.api.house import START, House

HEX = "7762fd07" * 8
ENTRY = """
description = "Paints"
hardware = "gpu-l40s"
download = 1000
disk = 2000
license = "MIT"
weights_license = "openrail++"
versions = ["old-id"]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "catalogue" / "acme" / "painter"
    folder.mkdir(parents=True)
    (folder / "catalog.toml").write_text(ENTRY)
    (folder / "cog.yaml").write_text("predict: nothing.py:Predictor\n")
    return replace(Settings(data=tmp_path), account="ada", catalogue=str(tmp_path / "catalogue"))


async def test_everybody_sees_the_catalogue(bob: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    (entry,) = (await bob.get("/catalog")).json()["results"]
    assert entry == {
        "owner": "acme",
        "name": "painter",
        "description": "Paints",
        "hardware": "gpu-l40s",
        "gpu_memory": 0,
        "memory": 0,
        "download": 1000,
        "disk": 2000,
        "license": "MIT",
        "weights_license": "openrail++",
        "weights": "package",
        "weights_download": 0,
        "versions": ["old-id"],
        "installed": None,
    }
    assert (await nobody.get("/catalog")).status_code == 401


async def test_only_the_operator_changes_anything(house: House, bob: httpx.AsyncClient) -> None:
    await house.model()
    for reply in (
        await bob.post("/catalog/acme/painter", json={}),
        await bob.delete("/catalog/acme/painter"),
        await bob.put("/aliases/x", json={"version": "ada/hello"}),
        await bob.delete("/aliases/x"),
    ):
        assert reply.status_code == 403
        assert "Only the operator of this platform" in reply.json()["detail"]


async def test_what_can_t_be_installed(house: House, ada: httpx.AsyncClient, settings: Settings) -> None:
    assert (await ada.post("/catalog/acme/other", json={})).status_code == 404
    assert (await ada.post("/catalog/acme/painter", json={"own": True})).status_code == 400
    lines = (await ada.post("/catalog/acme/painter", json={"weights": "relative"})).text.splitlines()
    assert json.loads(lines[-1]) == {
        "event": "error",
        "detail": "relative is no directory of the server's machine.",
    }
    assert (await ada.delete("/catalog/acme/painter")).status_code == 404
    await house.context.accounts.create_account("zoe", "user", "Zoe", START)
    folder = settings.data / "catalogue" / "zoe" / "mine"
    folder.mkdir(parents=True)
    (folder / "catalog.toml").write_text(ENTRY)
    (line,) = (await ada.post("/catalog/zoe/mine", json={})).text.splitlines()
    assert "belongs to a user" in json.loads(line)["detail"]


async def test_a_build_that_fails_leaves_nothing_installed(house: House, ada: httpx.AsyncClient) -> None:
    await house.context.builder.sweep()
    lines = (await ada.post("/catalog/acme/painter", json={})).text.splitlines()
    assert json.loads(lines[-1])["event"] == "error"
    assert await house.context.installed.get("acme/painter") is None
    organization = await house.context.accounts.get("acme")
    assert organization is not None
    assert organization.type == "organization"


async def test_owners_of_an_organization_have_its_models_and_the_operator_not_those_of_others(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await house.context.members.create("acme", "Acme", "ada", START)
    await house.model("secret", "acme", visibility="private")
    await house.model("own", "bob", visibility="private")
    assert (await ada.get("/models/acme/secret")).status_code == 200
    assert (await ada.patch("/models/acme/secret", json={"description": "d"})).status_code == 200
    assert (await bob.get("/models/acme/secret")).status_code == 404
    assert (await ada.get("/models/bob/own")).status_code == 404
    made = {"owner": "acme", "name": "new", "visibility": "public", "hardware": "cpu"}
    assert (await ada.post("/models", json=made)).status_code == 201
    assert (await bob.post("/models", json={**made, "name": "other"})).status_code == 403


async def test_an_alias_names_a_version(house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await house.model()
    first, second = await house.version(digit="a"), await house.version(digit="b")
    assert (await ada.put("/aliases/prod", json={"version": "ada/hello"})).status_code == 200
    pinned = (await ada.put(f"/aliases/{HEX}", json={"version": f"ada/hello:{first.id}"})).json()
    assert pinned["version"] == first.id
    for asked, version in (
        ("prod", second.id),
        ("ada/hello:prod", second.id),
        (HEX, first.id),
        (f"ada/hello:{HEX}", first.id),
    ):
        made = (await bob.post("/predictions", json={"version": asked, "input": {}})).json()
        assert made["version"] == asked.rpartition(":")[2]
        assert made["ran"] == {"model": "ada/hello", "version": version}
        assert (await bob.get(f"/predictions/{made['id']}")).json()["ran"] == made["ran"]
    plain = (await bob.post("/predictions", json={"version": f"ada/hello:{first.id}", "input": {}})).json()
    assert plain["version"] == first.id
    assert "ran" not in plain
    by_model = (await bob.post("/predictions", json={"model": "ada/hello", "input": {}})).json()
    assert (by_model["version"], "ran" in by_model) == (second.id, False)

    shown = (await bob.get(f"/models/ada/hello/versions/{HEX}")).json()
    assert (shown["id"], shown["ran"]["version"]) == (HEX, first.id)
    assert sorted((await bob.get("/models/ada/hello")).json()["aliases"]) == sorted(["prod", HEX])
    listed = (await bob.get("/aliases")).json()["results"]
    assert [alias["id"] for alias in listed] == sorted(["prod", HEX])

    await house.model("other")
    await house.version("ada/other", "c")
    wrong = await bob.post("/predictions", json={"version": f"ada/other:{HEX}", "input": {}})
    assert wrong.status_code == 422
    assert (await ada.delete("/aliases/prod")).status_code == 204
    assert (await bob.post("/predictions", json={"version": "prod", "input": {}})).status_code == 422
    assert (await ada.delete("/aliases/prod")).status_code == 404


async def test_an_alias_opens_no_private_model(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await house.model(visibility="private")
    await house.version()
    assert (await ada.put("/aliases/closed", json={"version": "ada/hello"})).status_code == 200
    assert (await bob.get("/aliases")).json()["results"] == []
    assert (await bob.post("/predictions", json={"version": "closed", "input": {}})).status_code == 422
    assert (await ada.post("/predictions", json={"version": "closed", "input": {}})).status_code == 201


async def test_aliases_that_can_t_be(house: House, ada: httpx.AsyncClient) -> None:
    await house.model()
    version = await house.version()
    assert (await ada.put("/aliases/x", json={"version": "ada/none"})).status_code == 422
    assert (await ada.put("/aliases/x", json={"version": f"ada/hello:{HEX}"})).status_code == 422
    assert (await ada.put("/aliases/-x", json={"version": "ada/hello"})).status_code == 422
    taken = await ada.put(f"/aliases/{version.id}", json={"version": "ada/hello"})
    assert taken.status_code == 409


async def test_the_catalogue_does_not_take_an_id_that_the_operator_gave_away(house: House) -> None:
    await house.model()
    aliases, now = house.context.aliases, rfc3339(START)
    await aliases.set(Alias(id="one", model="ada/hello", created_at=now))
    await aliases.list_for("acme/painter", ["one", "two"], now)
    await aliases.list_for("acme/painter", ["one", "three"], now)
    found = {alias.id: (alias.model, alias.listed) for alias in await aliases.list()}
    assert found == {"one": ("ada/hello", False), "three": ("acme/painter", True)}


async def test_a_model_says_whose_weights_run(house: House, ada: httpx.AsyncClient) -> None:
    await house.model()
    given = Installed(
        model="ada/hello",
        weights="/srv/w",
        weights_name="w",
        own=False,
        installed_at=rfc3339(START),
    )
    await house.context.installed.put(given)
    assert (await ada.get("/models/ada/hello")).json()["weights"] == {"name": "w", "own": False}
    assert (await ada.get("/models")).json()["results"][0]["weights"] == {"name": "w", "own": False}
