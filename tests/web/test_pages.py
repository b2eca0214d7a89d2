"""What the pages show, to whom, and under which headers."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest

from tests.api.house import House
from tests.web.conftest import browse, publish

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"
TEXT = {"type": "string"}
PIECES = {
    "type": "array",
    "items": TEXT,
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
}
PICTURE = {"type": "string", "format": "uri"}


class Seen(HTMLParser):
    """What a browser makes of a page: its text, elements and their attributes, and blocks of code."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.code: list[str] = []
        self._in_pre = False
        self.feed(page.text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "pre":
            self._in_pre = True
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._in_pre = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._in_pre:
            self.code[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


async def test_an_empty_server_shows_the_command_that_fills_it(browser: httpx.AsyncClient) -> None:
    seen = Seen(await browser.get("/"))
    assert "mainspring push models/hello-world mainspring/hello-world" in seen.code
    assert not seen.all("table")


async def test_home_lists_public_models_only(house: House, browser: httpx.AsyncClient) -> None:
    await publish(house, {"text": TEXT}, TEXT, required=("text",), name="open", description="Seen by all")
    await publish(house, {"text": TEXT}, TEXT, name="closed", visibility="private", digit="b")
    house.pass_time(7200)
    seen = Seen(await browser.get("/"))
    assert {"href": "/ada/open", "class": "row"} in seen.all("a")
    assert "Seen by all 0 aaaaaaaaaaaa 2 h ago" in seen.text
    assert "closed" not in seen.text


async def test_home_turns_pages_of_many_models(house: House, browser: httpx.AsyncClient) -> None:
    for number in range(101):
        await house.model(f"m{number:03}")
    first = Seen(await browser.get("/"))
    (older,) = [a["href"] for a in first.all("a") if "cursor=" in (a["href"] or "")]
    second = Seen(await browser.get(older or ""))
    rows = [{a["href"] for a in seen.all("a") if a.get("class") == "row"} for seen in (first, second)]
    assert [len(row) for row in rows] == [100, 1]
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
    (curl,) = [code for code in seen.code if code.startswith("curl")]
    assert f"{url}/v1/models/mainspring/hello-world/predictions" in curl


async def test_a_host_that_is_none_is_not_repeated(house: House) -> None:
    async with browse(house, "http://box:8585", Host="evil';rm -rf /") as client:
        page = await client.get("/")
    assert "evil" not in page.text


async def test_a_model_shows_inputs_in_order_output_and_versions(
    house: House, browser: httpx.AsyncClient
) -> None:
    inputs = {
        "steps": {"type": "integer", "minimum": 1, "maximum": 100, "default": 30, "x-order": 2},
        "prompt": {"type": "string", "description": "What to say", "x-order": 0, "minLength": 1},
        "mode": {"allOf": [{"$ref": "#/components/schemas/Mode"}], "default": "fast", "x-order": 1},
        "images": {"type": "array", "items": PICTURE, "nullable": True, "x-order": 3},
        "key": {"type": "string", "format": "password", "default": "hunter2", "x-order": 4},
    }
    await publish(house, inputs, PIECES, required=("prompt",), readme="# Read <me>")
    seen = Seen(await browser.get("/ada/hello"))
    assert "prompt string required ≥ 1 characters What to say mode" in seen.text
    assert 'mode string "fast" "fast" "good" steps' in seen.text
    assert "steps integer 30 1–100 images list of file optional key secret optional" in seen.text
    assert "hunter2" not in seen.text
    assert "list of string , streamed as pieces of one text" in seen.text
    assert "aaaaaaaaaaaa latest 0.23.1 just now" in seen.text
    assert seen.code[-1] == "# Read <me>"


async def test_a_model_without_a_version_shows_how_to_push_one(
    house: House, browser: httpx.AsyncClient
) -> None:
    await house.model()
    seen = Seen(await browser.get("/ada/hello"))
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
    for path in ("/", "/ada/hello'><script>"):
        page = await browser.get(path)
        assert page.status_code == 200
        seen = Seen(page)
        assert HOSTILE.split("{{")[0] in seen.text
        assert [s["src"] for s in seen.all("script")] == [
            s["src"] for s in seen.all("script") if s.get("type")
        ]
        assert len(seen.all("script")) == 1
        assert not seen.all("img")
        given = [name for _, attributes in seen.elements for name in attributes]
        assert not [name for name in given if name.startswith("on") or name == "style"]
        assert not [a for a in seen.all("a") if (a["href"] or "").startswith("javascript:")]


@pytest.mark.parametrize("path", ["/ada/closed", "/ada/nothing", "/nowhere", "/p/not an id", "/static/none"])
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
        assert "closed" not in page.text


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/predictions/x", "/v1/predictions"])
async def test_the_api_answers_browsers_too_with_problems(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.get(path)).headers["content-type"] == "application/problem+json"


async def test_private_and_unknown_models_look_the_same(house: House, browser: httpx.AsyncClient) -> None:
    await publish(house, {}, TEXT, name="closed", visibility="private")
    private, unknown = await browser.get("/ada/closed"), await browser.get("/ada/nothing")
    assert private.text == unknown.text


@pytest.mark.parametrize("path", ["/", "/ada/hello", "/p/01jz", "/nowhere"])
async def test_pages_may_load_only_what_is_ours_and_are_small(
    house: House, browser: httpx.AsyncClient, path: str
) -> None:
    await publish(house, {"text": TEXT}, TEXT)
    page = await browser.get(path)
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert page.headers["x-content-type-options"] == "nosniff"
    seen, size = Seen(page), len(page.content)
    loaded = [s["src"] for s in seen.all("script")] + [link["href"] for link in seen.all("link")]
    for url in loaded:
        assert url is not None
        assert url.startswith("/static/")
        size += len((await browser.get(url)).content)
    assert len(loaded) == 3
    assert size < 50_000


async def test_the_page_of_a_prediction_knows_nothing_but_its_id(browser: httpx.AsyncClient) -> None:
    seen = Seen(await browser.get("/p/01jzabc"))
    assert [e for e in seen.elements if e[1].get("data-prediction") == "01jzabc"]
    (field,) = [i for i in seen.all("input") if i.get("id") == "token"]
    assert (field["type"], "name" in field) == ("password", False)


async def test_static_files_are_kept_for_good_by_their_version_only(browser: httpx.AsyncClient) -> None:
    (url,) = [a["href"] for a in Seen(await browser.get("/")).all("link") if a["rel"] == "stylesheet"]
    assert url is not None
    pinned = await browser.get(url)
    assert pinned.headers["content-type"] == "text/css; charset=utf-8"
    assert pinned.headers["cache-control"] == "public, max-age=31536000, immutable"
    stale = await browser.get("/static/style.css?v=older")
    assert (stale.headers["cache-control"], stale.content) == ("no-cache", pinned.content)
    again = await browser.get("/static/style.css", headers={"If-None-Match": stale.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await browser.head("/static/page.js")).headers["content-type"] == "text/javascript; charset=utf-8"
