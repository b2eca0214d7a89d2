"""Search, collections, examples, official models, and what may be deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.core.errors import MainspringError
from mainspring.core.prediction import Status
from mainspring.core.shapes import CollectionBody
from mainspring.services.curator import put_collections
from mainspring.settings import Settings
from tests.api.house import BASE, START, House
from tests.api.samples import PREDICTION, furnish, succeeded

A = "a" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, account="ada")


async def _found(client: httpx.AsyncClient, text: str, **query: Any) -> list[str]:
    body = (await client.get("/search", params={"query": text, **query})).json()
    return [one["model"]["name"] for one in body["models"]]


async def test_a_name_counts_more_than_a_readme(house: House, ada: httpx.AsyncClient) -> None:
    await house.model("whisper", description="Speech to text", readme="It upscales nothing.")
    await house.model("esrgan", description="Upscale pictures")
    await house.model("upscaler")
    assert await _found(ada, "upscale") == ["upscaler", "esrgan", "whisper"]
    body = (await ada.get("/search?query=upscale")).json()
    scores = [one["metadata"]["score"] for one in body["models"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    assert await _found(ada, "upscale", limit=1) == ["upscaler"]
    assert await _found(ada, "spee") == ["whisper"]
    assert await _found(ada, "ÜPSCALERS?!") == ["upscaler", "esrgan", "whisper"]


async def test_the_index_follows_every_change(house: House, ada: httpx.AsyncClient) -> None:
    await house.model("one", visibility="private", description="alpha")
    assert await _found(ada, "alpha") == ["one"]
    await ada.patch("/models/ada/one", json={"description": "beta", "readme": "gamma"})
    assert await _found(ada, "alpha") == []
    assert await _found(ada, "beta") == await _found(ada, "gamma") == ["one"]
    assert (await ada.delete("/models/ada/one")).status_code == 204
    assert await _found(ada, "beta") == []


async def test_private_models_are_found_by_their_owner_alone(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await house.model("secret", visibility="private", description="treasure")
    assert await _found(ada, "treasure") == ["secret"]
    assert await _found(bob, "treasure") == []
    assert (await bob.request("QUERY", "/models", content="treasure")).json()["results"] == []


@pytest.mark.parametrize(
    "text", ['"', "*", "a* OR b", "NEAR(x y)", "name:hello -", "\0", "🙂", "'; DROP", "_"]
)
async def test_no_text_breaks_a_search(house: House, ada: httpx.AsyncClient, text: str) -> None:
    await furnish(house)
    response = await ada.get("/search", params={"query": text})
    assert (response.status_code, response.json()["query"]) == (200, text)
    assert (await ada.request("QUERY", "/models", content=text.encode())).status_code in (200, 400)


async def test_a_search_needs_words_and_a_limit_that_can_be(ada: httpx.AsyncClient) -> None:
    for path in ("/search", "/search?query="):
        response = await ada.get(path)
        assert response.status_code == 400
        assert response.json()["detail"] == 'Query parameter "query" is required'
    for limit in ("0", "51", "x", "null"):
        assert (await ada.get(f"/search?query=a&limit={limit}")).status_code == 400


@pytest.mark.parametrize(
    ("kind", "body"),
    [("text/plain", b"greets"), ("text/plain;charset=UTF-8", b'"greets"'), ("application/json", b'"greets"')],
)
async def test_models_are_searched_in_every_clients_way(
    house: House, ada: httpx.AsyncClient, kind: str, body: bytes
) -> None:
    await furnish(house)
    found = (await ada.request("QUERY", "/models", content=body, headers={"Content-Type": kind})).json()
    assert [model["name"] for model in found["results"]] == ["hello"]
    assert (found["next"], found["previous"]) == (None, None)


async def test_collections_and_pages_are_found(house: House, ada: httpx.AsyncClient) -> None:
    await furnish(house)
    body = (await ada.get("/search?query=greetings")).json()
    assert body["collections"] == [
        {"name": "Greetings", "slug": "greetings", "description": "They greet", "models": ["ada/hello"]}
    ]
    pages = (await ada.get("/search?query=delete%20collection")).json()["pages"]
    assert {"name": "Delete a collection, not its models", "href": "/docs/api#collections.delete"} in pages


async def test_only_the_operator_makes_collections(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await furnish(house)
    body = {"name": "Voices", "models": ["ada/closed", "ada/hello", "ada/later"]}
    assert (await bob.put("/collections/voices", json=body)).status_code == 403
    assert (await bob.delete("/collections/greetings")).status_code == 403
    made = await ada.put("/collections/voices", json=body)
    assert [m["name"] for m in made.json()["models"]] == ["closed", "hello"]
    assert [m["name"] for m in (await bob.get("/collections/voices")).json()["models"]] == ["hello"]
    await house.model("later")
    assert [m["name"] for m in (await bob.get("/collections/voices")).json()["models"]] == ["hello", "later"]
    listed = (await bob.get("/collections")).json()["results"]
    assert {one["slug"] for one in listed} == {"voices", "greetings"}
    again = await ada.put("/collections/voices", json={"name": "Speech", "description": "New"})
    assert (again.json()["name"], again.json()["models"]) == ("Speech", [])
    assert (await ada.delete("/collections/voices")).status_code == 204
    assert (await ada.get("/collections/voices")).status_code == 404
    assert (await ada.get("/search?query=speech")).json()["collections"] == []
    for slug, wrong in (("Not", body), ("a_b", body), ("ok", {"name": "x", "models": ["y"]}), ("ok", {})):
        assert (await ada.put(f"/collections/{slug}", json=wrong)).status_code == 422


async def test_a_file_of_collections_is_put(house: House, tmp_path: Path, ada: httpx.AsyncClient) -> None:
    await furnish(house)
    file = tmp_path / "collections.toml"
    file.write_text('[text-tools]\nname = "Text tools"\nmodels = ["ada/hello"]\n')
    found = house.context.discovery.collections
    await put_collections(found, str(file), START)
    await put_collections(found, str(file), START)
    got = (await ada.get("/collections/text-tools")).json()
    assert (got["name"], [m["name"] for m in got["models"]]) == ("Text tools", ["hello"])
    for wrong in ("[a]\nnam = 1", "[B]\nname = 'x'", "[a]\nname = 'x'\nmodels = ['y']", "]"):
        file.write_text(wrong)
        with pytest.raises(MainspringError):
            await put_collections(found, str(file), START)
    await put_collections(found, "", START)


async def test_the_owner_shows_predictions(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await furnish(house)
    later = PREDICTION[:-1] + "w"
    house.pass_time(1)
    told = {"webhook": "https://ada.example/secret", "deployment": "ada/inner"}
    await succeeded(house, later, output='"text"', input=f'{{"image":"{BASE}/in.png"}}', **told)
    path = "/models/ada/hello/examples"
    before = (await ada.get("/models/ada/hello")).json()
    assert before["default_example"]["id"] == PREDICTION
    assert before["cover_image_url"] == f"{BASE}/outputs/p/c/out.png"
    made = await ada.post(path, json={"prediction": later, "default": True})
    assert (made.status_code, made.json()["id"]) == (201, later)
    assert [p["id"] for p in (await bob.get(path)).json()["results"]] == [later, PREDICTION]
    model = (await bob.get("/models/ada/hello")).json()
    assert not {"webhook", "deployment"} & model["default_example"].keys()
    assert (model["default_example"]["id"], model["cover_image_url"]) == (later, f"{BASE}/in.png")
    assert (await bob.post(path, json={"prediction": later})).status_code == 403
    assert (await bob.delete(f"{path}/{later}")).status_code == 403
    assert (await ada.delete(f"{path}/{later}")).status_code == 204
    assert (await ada.delete(f"{path}/{later}")).status_code == 404
    assert (await ada.get("/models/ada/hello")).json()["default_example"]["id"] == PREDICTION
    assert (await ada.delete(f"{path}/{PREDICTION}")).status_code == 204
    assert (await ada.get("/models/ada/hello")).json()["default_example"] is None


async def test_what_can_not_be_an_example(house: House, ada: httpx.AsyncClient) -> None:
    await furnish(house)
    await succeeded(house, "x1", status=Status.FAILED)
    await succeeded(house, "x2", data_removed=1)
    await succeeded(house, "x3", model="ada/closed")
    await succeeded(house, "x4", account="bob")
    for prediction, status in (("x1", 400), ("x2", 400), ("x3", 400), ("x4", 404), ("none", 404)):
        response = await ada.post("/models/ada/hello/examples", json={"prediction": prediction})
        assert response.status_code == status, prediction


async def test_the_operator_says_which_models_are_official(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await house.model()
    await house.model("other", owner="bob")
    assert (await ada.patch("/models/ada/hello", json={"is_official": True})).json()["is_official"] is True
    assert (await ada.patch("/models/ada/hello", json={"is_official": False})).json()["is_official"] is False
    refused = await bob.patch("/models/bob/other", json={"is_official": True, "description": "x"})
    assert refused.status_code == 403
    assert (await bob.get("/models/bob/other")).json()["description"] is None


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"account": "bob"}, "other accounts have run"),
        ({"kind": "training"}, "were trained from"),
    ],
)
async def test_a_version_that_others_need_stays(
    house: House, ada: httpx.AsyncClient, run: dict[str, str], told: str
) -> None:
    await house.model(visibility="private")
    await house.version()
    await succeeded(house, "own")
    await succeeded(house, "theirs", **run)
    response = await ada.delete(f"/models/ada/hello/versions/{A}")
    assert response.status_code == 403
    assert told in response.json()["detail"]


async def test_a_version_that_a_deployment_waits_for_stays(house: House, ada: httpx.AsyncClient) -> None:
    await house.model(visibility="private")
    await house.version()
    line = f"ada/hello:{A}@ada/site#2"
    await succeeded(house, "own", queue=line, status=Status.STARTING)
    assert (await ada.delete(f"/models/ada/hello/versions/{A}")).status_code == 409


async def test_predictions_are_listed_by_time_and_source(house: House, ada: httpx.AsyncClient) -> None:
    await furnish(house)
    await succeeded(house, PREDICTION[:-1] + "w", source="web")
    house.pass_time(13 * 86_400)
    assert len((await ada.get("/predictions?source=web")).json()["results"]) == 1
    house.pass_time(2 * 86_400)
    assert (await ada.get("/predictions?source=web")).json()["results"] == []
    assert len((await ada.get("/predictions")).json()["results"]) == 2
    at = (await ada.get(f"/predictions/{PREDICTION}")).json()["created_at"]
    for query, count in (
        ({"created_after": at}, 2),
        ({"created_before": at}, 0),
        ({"created_after": "2026-05-01T12:00:00.000001Z"}, 0),
        ({"created_before": "2026-05-01T15:00:00+02:00"}, 2),
    ):
        assert len((await ada.get("/predictions", params=query)).json()["results"]) == count, query
    (made,) = await house.context.accounts.list_tokens("ada")
    await succeeded(house, PREDICTION[:-1] + "t", token=made.id)
    for asked, count in ((made.id, 1), ("another", 0)):
        assert len((await ada.get("/predictions", params={"token": asked})).json()["results"]) == count, asked
    for wrong in ("created_after=yesterday", "created_before=9999-99-99", "source=cli", "source=null"):
        assert (await ada.get(f"/predictions?{wrong}")).status_code == 400


async def test_an_empty_collection_has_its_defaults(house: House) -> None:
    made = await house.context.discovery.collections.put(
        "x", CollectionBody("X"), "2026-05-01T12:00:00.000000Z"
    )
    assert (made.description, made.full_description) == ("", None)
