"""What the pages show, to whom, and under which headers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from mainspring.api.app import create_app
from mainspring.core.ids import rfc3339
from mainspring.records.aliases import Alias
from mainspring.records.installed import Installed
from mainspring.web.covers import cover
from mainspring.web.pages import pages
from tests.api.house import House
from tests.api.samples import furnish
from tests.web.conftest import browse, publish, sign_in

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"
TEXT = {"type": "string"}
PIECES = {
    "type": "array",
    "items": TEXT,
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
}
PICTURE = {"type": "string", "format": "uri"}


TABS = ("", "/api", "/examples", "/readme", "/versions")
OPERATORS = (
    "predictions",
    "trainings",
    "models",
    "deployments",
    "fleet",
    "files",
    "tokens",
    "webhooks",
    "settings",
)
PAGES = [
    *("/", "/login", "/p/01jz", "/nowhere", "/collections", "/docs/api"),
    *(f"/ada/hello{tab}" for tab in (*TABS, "/metrics", "/settings")),
    *(f"/{name}" for name in OPERATORS),
]


class Seen(HTMLParser):
    """What a browser makes of a page: its text, elements and their attributes, blocks of code, and data for scripts."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.code: list[str] = []
        self._in_pre = self._in_data = False
        self.data: dict[str, Any] = {}
        self.feed(page.text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_data = tag == "script"
        if tag == "pre":
            self._in_pre = True
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False
        if tag == "pre":
            self._in_pre = False

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data = json.loads(data)
            return
        self.words.append(data)
        if self._in_pre:
            self.code[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


async def test_an_empty_server_shows_the_command_that_fills_it(browser: httpx.AsyncClient) -> None:
    seen = Seen(await browser.get("/"))
    assert seen.code[0] == "mainspring push models/mainspring/hello-world mainspring/hello-world"
    assert not seen.all("li")


async def test_explore_lists_public_models_and_the_readers_own(
    house: House, browser: httpx.AsyncClient
) -> None:
    await publish(house, {"text": TEXT}, TEXT, name="open", description="Seen by all")
    await publish(house, {"text": TEXT}, TEXT, name="closed", visibility="private", digit="b")
    seen = Seen(await browser.get("/"))
    assert "ada/ open Seen by all 0 runs cpu" in seen.text
    assert "closed" not in seen.text
    await sign_in(house, browser)
    assert "ada/ closed" in Seen(await browser.get("/")).text


async def test_a_cover_is_drawn_from_the_name_or_loaded_from_its_host_only(
    house: House, browser: httpx.AsyncClient
) -> None:
    await house.model("plain")
    await house.model("covered", cover_image_url="https://pictures.example/a.png")
    page = await browser.get("/")
    assert [img["src"] for img in Seen(page).all("img")] == ["https://pictures.example/a.png"]
    assert "img-src 'self' https://pictures.example data: blob:;" in page.headers["content-security-policy"]
    assert cover("ada/plain") in page.text
    assert cover("ada/plain") != cover("ada/covered")


async def test_a_model_without_a_cover_is_shown_by_a_picture_of_its_example(
    house: House, browser: httpx.AsyncClient
) -> None:
    await furnish(house)
    page = await browser.get("/")
    assert [img["src"] for img in Seen(page).all("img")] == [f"{browser.base_url}/outputs/p/c/out.png"]
    assert cover("ada/hello") in page.text


async def test_explore_turns_pages_of_many_models(house: House, browser: httpx.AsyncClient) -> None:
    for number in range(61):
        await house.model(f"m{number:03}")
    first = Seen(await browser.get("/"))
    (older,) = [a["href"] for a in first.all("a") if "cursor=" in (a["href"] or "")]
    second = Seen(await browser.get(older or ""))
    rows = [{li["data-model"] for li in seen.all("li") if "data-model" in li} for seen in (first, second)]
    assert [len(row) for row in rows] == [60, 1]
    assert not rows[0] & rows[1]


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("http://box:8585", {"http://box:8585", "https://box:8586"}),
        ("https://box:8586", {"http://box:8585", "https://box:8586"}),
        ("http://[::1]:8585", {"http://[::1]:8585", "https://[::1]:8586"}),
        ("https://models.example", {"https://models.example"}),
    ],
)
async def test_urls_follow_the_listener_that_was_called(house: House, url: str, known: set[str]) -> None:
    async with browse(house, url) as client:
        seen = Seen(await client.get("/"))
    assert set(re.findall(r"https?://[^\s\"'/]+", " ".join([*seen.code, seen.text]))) == known


async def test_a_host_that_is_none_is_not_repeated(house: House) -> None:
    async with browse(house, "http://box:8585", Host="evil';rm -rf /") as client:
        page = await client.get("/")
    assert "evil" not in page.text


async def test_the_api_tab_shows_inputs_in_order_and_output(house: House, browser: httpx.AsyncClient) -> None:
    inputs = {
        "steps": {"type": "integer", "minimum": 1, "maximum": 100, "default": 30, "x-order": 2},
        "prompt": {"type": "string", "description": "What to say", "x-order": 0, "minLength": 1},
        "mode": {"allOf": [{"$ref": "#/components/schemas/Mode"}], "default": "fast", "x-order": 1},
        "images": {"type": "array", "items": PICTURE, "nullable": True, "x-order": 3},
        "key": {"type": "string", "format": "password", "default": "hunter2", "x-order": 4},
    }
    await publish(house, inputs, PIECES, required=("prompt",))
    seen = Seen(await browser.get("/ada/hello/api"))
    assert "prompt string required ≥ 1 characters What to say mode" in seen.text
    assert 'mode string "fast" "fast" "good" steps' in seen.text
    assert "steps integer 30 1–100 images list of file optional key secret optional" in seen.text
    assert "list of string , streamed as pieces of one text" in seen.text
    schema = await browser.get("/ada/hello/api/schema.json")
    assert schema.headers["content-disposition"] == 'attachment; filename="hello-aaaaaaaaaaaa.json"'
    assert schema.json()["components"]["schemas"]["Input"]["properties"].keys() == inputs.keys()


async def test_the_form_gets_the_schema_with_its_references_put_in(
    house: House, browser: httpx.AsyncClient
) -> None:
    mode = {"allOf": [{"$ref": "#/components/schemas/Mode"}], "default": "fast"}
    await publish(house, {"mode": mode, "text": {**TEXT, "description": HOSTILE}}, PICTURE)
    data = Seen(await browser.get("/ada/hello")).data
    assert data["input"]["properties"]["mode"]["enum"] == ["fast", "good"]
    assert data["input"]["properties"]["text"]["description"] == HOSTILE
    assert (data["model"], data["version"], data["latest"]) == ("ada/hello", "a" * 64, True)
    assert data["base"] == {"here": "http://box:8585", "files": "https://box:8586"}
    assert data["account"] is None
    await sign_in(house, browser)
    assert Seen(await browser.get("/ada/hello")).data["account"] == "ada"


async def test_a_schema_that_refers_to_itself_ends(house: House, browser: httpx.AsyncClient) -> None:
    again = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Output"}}}
    await publish(house, {}, again)
    assert (await browser.get("/ada/hello")).status_code == 200


async def test_versions_are_listed_shown_and_compared(house: House, browser: httpx.AsyncClient) -> None:
    await publish(house, {"text": TEXT, "steps": {"type": "integer", "maximum": 9}}, TEXT)
    old, new = "a" * 64, "b" * 64
    version = await house.context.catalog.get_version("ada/hello", old)
    assert version is not None
    schemas = {"Input": {"properties": {"prompt": TEXT}, "required": ["prompt"]}, "Output": TEXT}
    later = replace(version, id=new, openapi_schema={"components": {"schemas": schemas}})
    await house.context.catalog.register_version("ada/hello", later)
    source = house.context.settings.data / "sources" / version.source
    source.mkdir(parents=True)
    (source / "weights.bin").write_bytes(bytes(1_500))
    assert "bbbbbbbbbbbb latest" in (listed := Seen(await browser.get("/ada/hello/versions")).text)
    assert "1.5 kB" in listed
    compared = Seen(await browser.get(f"/ada/hello/versions?from={old}&to={new}")).text
    assert "breaks callers prompt is new and required (string)" in compared
    assert "breaks callers text was removed: calls that send it are refused" in compared
    page = Seen(await browser.get(f"/ada/hello/versions/{old}"))
    assert (page.data["version"], page.data["latest"]) == (old, False)
    assert "not the latest" in page.text
    assert (await browser.get(f"/ada/hello/versions/{'c' * 64}")).status_code == 404


async def test_aliases_and_foreign_weights_are_shown_as_such(
    house: House, browser: httpx.AsyncClient
) -> None:
    version = await publish(house, {"text": TEXT}, TEXT)
    now, public = rfc3339(house.clock[0]), "7762fd07" * 8
    await house.context.aliases.set(Alias(id=public, model="ada/hello", created_at=now))
    await house.context.aliases.set(Alias(id="prod", model="ada/hello", version=version.id, created_at=now))
    plain = Seen(await browser.get("/ada/hello"))
    assert "alias" not in plain.text
    assert "weights" not in plain.text
    for alias in (public, "prod"):
        page = Seen(await browser.get(f"/ada/hello/versions/{alias}"))
        assert f"{alias} is an alias here. It stands for version aaaaaaaaaaaa" in page.text
        assert page.data["version"] == version.id
    listed = Seen(await browser.get("/ada/hello/versions")).text
    assert "prod alias aaaaaaaaaaaa operator" in listed
    assert "7762fd077762 alias the latest version operator" in listed
    await house.model("other")
    assert (await browser.get(f"/ada/other/versions/{public}")).status_code == 404

    given = Installed(
        model="ada/hello", weights="/srv/w", weights_name="<b>w</b>", own=False, installed_at=now
    )
    await house.context.installed.put(given)
    shown = await browser.get("/ada/hello")
    assert "It runs with <b>w</b> here. These weights are not this model’s own." in Seen(shown).text
    assert "<b>w</b>" not in shown.text
    await house.context.installed.put(replace(given, own=True))
    assert "weights: <b>w</b>" in (own := Seen(await browser.get("/ada/hello")).text)
    assert "not this model’s own" not in own


async def test_a_readme_is_rendered(house: House, browser: httpx.AsyncClient) -> None:
    await publish(house, {}, TEXT, readme="# Read\n\n*me*, [there](https://example.com/)")
    page = await browser.get("/ada/hello/readme")
    assert "<h2>Read</h2>" in page.text
    link = '<a href="https://example.com/" rel="noopener noreferrer nofollow">there</a>'
    assert f"<p><em>me</em>, {link}</p>" in page.text


async def test_a_model_without_a_version_shows_how_to_push_one(
    house: House, browser: httpx.AsyncClient
) -> None:
    await house.model()
    for tab in ("", "/api", "/examples", "/versions"):
        seen = Seen(await browser.get(f"/ada/hello{tab}"))
        assert seen.code == ["mainspring push . ada/hello"]


async def test_nothing_that_people_wrote_becomes_markup(house: House, browser: httpx.AsyncClient) -> None:
    hostile_input = {
        HOSTILE: {"type": "string", "description": HOSTILE, "default": HOSTILE, "pattern": HOSTILE},
        "choice": {"enum": [HOSTILE], "type": "string"},
    }
    await publish(
        house,
        hostile_input,
        TEXT,
        required=(HOSTILE,),
        description=HOSTILE,
        readme=HOSTILE,
        github_url="javascript:alert(1)",
        paper_url='https://example.com/"onmouseover="alert(1)',
        name="hello'><script>",
    )
    for path in ("/", *(f"/ada/hello'><script>{tab}" for tab in ("", "/api", "/readme", "/versions"))):
        page = await browser.get(path)
        assert page.status_code == 200
        seen = Seen(page)
        assert HOSTILE.split("<script>")[0] in seen.text
        for script in seen.all("script"):
            assert (script.get("src") or "").startswith("/static/") or script["type"] == "application/json"
        assert not [img for img in seen.all("img") if img.get("src")]
        given = [name for _, attributes in seen.elements for name in attributes]
        assert not [name for name in given if name.startswith("on") or name == "style"]
        assert not [a for a in seen.all("a") if (a["href"] or "").startswith("javascript:")]


@pytest.mark.parametrize(
    "path", ["/ada/closed", "/ada/nothing", "/nowhere", "/p/not an id", "/static/a/none"]
)
async def test_what_is_not_there_is_a_page_for_browsers_and_a_problem_for_others(
    house: House, browser: httpx.AsyncClient, path: str
) -> None:
    await publish(house, {}, TEXT, name="closed", visibility="private")
    api = await browser.get(path, headers={"Accept": "application/json"})
    assert (api.status_code, api.headers["content-type"]) == (404, "application/problem+json")
    page = await browser.get(path)
    assert page.status_code == 404
    if not path.startswith("/static"):
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "closed" not in page.text.replace(f"next={path}", "")


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/predictions/x", "/v1/predictions"])
async def test_the_api_answers_browsers_too_with_problems(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.get(path)).headers["content-type"] == "application/problem+json"


async def test_private_and_unknown_models_look_the_same(house: House, browser: httpx.AsyncClient) -> None:
    await publish(house, {}, TEXT, name="closed", visibility="private")
    private, unknown = await browser.get("/ada/closed"), await browser.get("/ada/nothing")
    assert private.text.replace("closed", "nothing") == unknown.text


@pytest.mark.parametrize("path", PAGES)
async def test_pages_may_load_only_what_is_ours_and_are_small(
    house: House, browser: httpx.AsyncClient, path: str
) -> None:
    await publish(house, {"text": TEXT}, TEXT)
    if path != "/login":
        await sign_in(house, browser)
    page = await browser.get(path)
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["frame-src"] == "'self'"
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "private, no-cache"
    seen = Seen(page)
    loaded = [s["src"] or "" for s in seen.all("script") if "src" in s]
    loaded += [link["href"] or "" for link in seen.all("link")]
    assert all(url.startswith("/static/") for url in loaded)
    size = int(page.headers["content-length"])
    known = {*loaded, loaded[0].rpartition("/")[0] + "/icons.svg"}
    while known:
        got = await browser.get(url := known.pop())
        assert got.status_code == 200
        size += len(got.content)
        loaded.append(url)
        imported = re.findall(r'(?:from|import) "./([a-z-]+\.js)"', got.text) if url.endswith(".js") else []
        known |= {f"{url.rpartition('/')[0]}/{name}" for name in imported} - set(loaded)
    assert size < 150_000


async def test_a_prediction_is_shown_to_who_is_signed_in(house: House, browser: httpx.AsyncClient) -> None:
    away = await browser.get("/p/01jzabc")
    assert (away.status_code, away.headers["location"]) == (303, "/login?next=/p/01jzabc")
    await sign_in(house, browser)
    seen = Seen(await browser.get("/p/01jzabc"))
    assert [e for e in seen.elements if e[1].get("data-prediction") == "01jzabc"]


async def test_pages_can_be_for_those_who_are_signed_in_only(house: House) -> None:
    shut = replace(house.context, settings=replace(house.context.settings, public_pages=False))
    house = replace(house, app=create_app(shut, pages(shut)))
    await publish(house, {}, TEXT)
    async with browse(house, "http://box:8585") as browser:
        for path in ("/", "/ada/hello", "/ada/hello/readme", "/ada/nothing"):
            away = await browser.get(path)
            assert away.status_code == 303, "what is not there looks the same"
            assert away.headers["location"].startswith("/login?next=/")
        await sign_in(house, browser)
        assert (await browser.get("/ada/hello")).status_code == 200


async def test_static_files_are_kept_for_good_by_their_version_only(browser: httpx.AsyncClient) -> None:
    url = next(a["href"] for a in Seen(await browser.get("/")).all("link") if a["rel"] == "stylesheet")
    pinned = await browser.get(url or "")
    assert pinned.headers["content-type"] == "text/css; charset=utf-8"
    assert pinned.headers["cache-control"] == "public, max-age=31536000, immutable"
    stale = await browser.get("/static/older/base.css")
    assert (stale.headers["cache-control"], stale.content) == ("no-cache", pinned.content)
    again = await browser.get("/static/older/base.css", headers={"If-None-Match": stale.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = await browser.get(url or "", headers={"Accept-Encoding": "identity"})
    assert (plain.content, "content-encoding" in plain.headers) == (pinned.content, False)
    assert int(pinned.headers["content-length"]) < len(plain.content) / 2
    script = await browser.head("/static/older/frame.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
