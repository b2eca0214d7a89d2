"""Pages for several people: what a session may follows its token and its role; who sees which page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from mainspring.api.app import create_app
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.web.pages import pages
from tests.api.house import START, House
from tests.api.people import organized
from tests.web.conftest import browse, sign_in

OURS = {"Origin": "http://box:8585"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with organized(tmp_path / "house") as opened:
        yield replace(opened, app=create_app(opened.context, pages(opened.context)))


async def statuses(browser: httpx.AsyncClient, *paths: str) -> list[int]:
    return [(await browser.get(path)).status_code for path in paths]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("olga", [200, 200, 200, 200, 200, 200, 404]),
        ("mia", [200, 200, 200, 200, 200, 200, 404]),
        ("vic", [200, 200, 200, 404, 200, 200, 404]),
        ("bob", [404, 404, 404, 404, 404, 404, 404]),
        ("root", [404, 404, 404, 404, 404, 200, 200]),
        (None, [404, 404, 404, 404, 303, 303, 303]),
    ],
)
async def test_pages_of_private_things_are_for_their_people(
    house: House, browser: httpx.AsyncClient, name: str | None, seen: list[int]
) -> None:
    if name:
        await sign_in(house, browser, name)
    closed = [f"/acme/closed{tab}" for tab in ("", "/versions", "/metrics", "/settings")]
    paths = (*closed, "/deployments/acme/live", "/organizations/acme", "/accounts")
    assert await statuses(browser, *paths) == seen
    for path in ("/", "/?q=unheard-of"):
        assert ("acme/closed" in (await browser.get(path)).text) is (name in ("olga", "mia", "vic"))
    for path in ("/collections/all",):
        assert ("acme/closed" in (await browser.get(path)).text) is (name in ("olga", "mia", "vic"))


async def test_a_session_may_what_its_token_may_and_as_long(house: House, browser: httpx.AsyncClient) -> None:
    accounts, ends = house.context.accounts, START + timedelta(hours=1)
    _, house.tokens["olga"] = await accounts.create_token(
        "olga", "see", now=START, scopes=frozenset({Scope.READ}), expires_at=rfc3339(ends)
    )
    await sign_in(house, browser, "olga")
    assert (await browser.get("/v1/models/acme/closed")).status_code == 200
    body = {"version": "acme/closed", "input": {}}
    refused = await browser.post("/v1/predictions", json=body, headers=OURS)
    assert (refused.status_code, refused.json()["title"]) == (403, "Scope missing")
    assert "/settings" not in (await browser.get("/acme/closed")).text
    house.pass_time(3600)
    assert (await browser.get("/v1/models/acme/closed")).status_code == 401
    assert (await browser.get("/acme/closed")).status_code == 404


async def test_a_session_ends_with_the_secret_that_it_was_begun_with(
    house: House, browser: httpx.AsyncClient
) -> None:
    accounts = house.context.accounts
    token, house.tokens["olga"] = await accounts.create_token("olga", "t", now=START)
    await sign_in(house, browser, "olga")
    rotated = await accounts.rotate_token(token, START, timedelta(minutes=10))
    assert rotated
    assert (await browser.get("/v1/account")).status_code == 200
    house.pass_time(600)
    assert (await browser.get("/v1/account")).status_code == 401
    house.tokens["olga"] = rotated[1]
    await sign_in(house, browser, "olga")
    assert (await browser.get("/v1/account")).status_code == 200
    house.pass_time(31 * 86_400)
    assert (await browser.get("/v1/account")).status_code == 401


async def test_what_a_session_makes_counts_for_its_token_and_is_in_the_log(
    house: House, browser: httpx.AsyncClient
) -> None:
    await sign_in(house, browser, "olga")
    made = await browser.post("/v1/predictions", json={"version": "acme/closed", "input": {}}, headers=OURS)
    (token,) = await house.context.accounts.list_tokens("olga")
    found = await house.context.predictions.get(made.json()["id"])
    assert found
    assert found.token == token.id
    entries = (await browser.get("/v1/audit")).json()["results"]
    assert {(one["operation"], one["source"], one["token"]) for one in entries} == {
        ("predictions.create", "web", token.id),
        ("sessions.begin", "web", token.id),
    }


async def test_pages_are_looked_at_for_an_organization(house: House, browser: httpx.AsyncClient) -> None:
    await sign_in(house, browser, "vic")
    own, acme, other = [
        (await browser.get(f"/models{asked}")).text for asked in ("", "?account=acme", "?account=bob")
    ]
    assert 'data-models="vic"' in own
    assert 'data-models="acme"' in acme
    assert 'href="/tokens?account=acme"' in acme
    assert 'data-models="vic"' in other
    assert "account=bob" not in other
    async with browse(house, "http://box:8585") as stranger:
        await sign_in(house, stranger, "bob")
        assert "data-acting" not in (await stranger.get("/models")).text
