"""Sessions: how they begin and end, and what they may do."""

from __future__ import annotations

import httpx
import pytest

from mainspring.api.app import create_app
from mainspring.api.session import SignInLinks
from mainspring.web.pages import pages
from tests.api.house import House
from tests.web.conftest import browse, publish, sign_in

OURS = {"Origin": "http://box:8585"}
TEXT = {"type": "string"}


def cookie_of(reply: httpx.Response) -> str:
    return reply.headers["set-cookie"]


async def test_a_token_begins_a_session_that_the_api_knows(house: House, browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/v1/account")).status_code == 401
    reply = await sign_in(house, browser)
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    for part in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert part in cookie_of(reply)
    assert house.tokens["ada"] not in cookie_of(reply)
    assert (await browser.get("/v1/account")).json()["username"] == "ada"


async def test_over_https_the_cookie_stays_there(house: House) -> None:
    async with browse(house, "https://box:8586") as browser:
        reply = await sign_in(house, browser)
    assert cookie_of(reply).startswith("__Host-mainspring-")
    assert "; Secure" in cookie_of(reply)


@pytest.mark.parametrize("token", ["", "ms_unknown0000000000000000", "\udcff"])
async def test_what_is_no_token_is_told(browser: httpx.AsyncClient, token: str) -> None:
    body = b"token=" + token.encode("utf-8", "surrogateescape")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await browser.post("/login", content=body, headers=OURS | kind)
    assert reply.status_code == 401
    assert "No account has this token" in reply.text
    assert "set-cookie" not in reply.headers


async def test_a_session_ends_with_its_token_with_time_and_at_sign_out(
    house: House, browser: httpx.AsyncClient
) -> None:
    await sign_in(house, browser)
    (token,) = await house.context.accounts.list_tokens("ada")
    kept = dict(browser.cookies)
    assert (await browser.post("/logout", headers=OURS)).headers["location"] == "/"
    assert (await browser.get("/v1/account")).status_code == 401
    browser.cookies.update(kept)
    assert (await browser.get("/v1/account")).status_code == 200
    house.pass_time(31 * 86_400)
    assert (await browser.get("/v1/account")).status_code == 401
    house.pass_time(-31 * 86_400)
    await house.context.accounts.disable_token("ada", token.id, house.clock[0])
    assert (await browser.get("/v1/account")).status_code == 401


async def test_a_forged_or_changed_cookie_is_none(house: House, browser: httpx.AsyncClient) -> None:
    await sign_in(house, browser)
    ((name, value),) = browser.cookies.items()
    token_id, ends, proof = value.split(".")
    for forged in (
        "",
        "x",
        f"{token_id}.{int(ends) + 1}.{proof}",
        f"{token_id}..{proof}",
        f"{token_id}.{ends}.0",
    ):
        async with browse(house, "http://box:8585", Cookie=f"{name}={forged}") as other:
            assert (await other.get("/v1/account")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "http://box:3000"},
        {"Origin": "null"},
        {"Origin": "http://box:8585", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_other_sites_can_change_nothing_with_a_session(
    house: House, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    version = await publish(house, {}, TEXT)
    await sign_in(house, browser)
    body = {"version": version.id, "input": {}}
    for path in ("/v1/predictions", "/v1/models/ada/hello/predictions", "/v1/tokens"):
        assert (await browser.post(path, json=body, headers=headers)).status_code == 403
    assert (await browser.post("/login", data={"token": "x"}, headers=headers)).status_code == 403
    assert (await browser.post("/logout", headers=headers)).status_code == 403
    assert not (await browser.get("/v1/predictions")).json()["results"]


@pytest.mark.parametrize("headers", [OURS, {"Sec-Fetch-Site": "same-origin"}])
async def test_a_prediction_of_the_pages_comes_from_the_web(
    house: House, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    version = await publish(house, {}, TEXT)
    body = {"version": version.id, "input": {}}
    await sign_in(house, browser)
    made = await browser.post("/v1/predictions", json=body, headers=headers)
    assert (made.status_code, made.json()["source"]) == (201, "web")
    async with house.client() as client:
        assert (await client.post("/predictions", json=body)).json()["source"] == "api"
    found = (await browser.get("/v1/predictions?source=web")).json()["results"]
    assert [one["id"] for one in found] == [made.json()["id"]]


async def test_private_models_are_shown_to_their_owner(house: House, browser: httpx.AsyncClient) -> None:
    await publish(house, {}, TEXT, name="closed", visibility="private")
    await sign_in(house, browser, "bob")
    assert (await browser.get("/ada/closed")).status_code == 404
    await sign_in(house, browser, "ada")
    assert (await browser.get("/ada/closed")).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/ada/hello?x=1", "/ada/hello?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nX: y", "/"),
        ("", "/"),
    ],
)
async def test_after_signing_in_one_stays_here(
    house: House, browser: httpx.AsyncClient, wanted: str, goes: str
) -> None:
    given = {"token": house.tokens["ada"], "next": wanted}
    reply = await browser.post("/login", data=given, headers=OURS)
    assert reply.headers["location"] == goes


async def test_a_link_signs_in_once_and_for_an_hour(house: House) -> None:
    links = SignInLinks()
    app = create_app(house.context, pages(house.context, links))
    first, second = (links.make("ada", house.clock[0]) for _ in range(2))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://box:8585") as browser:
        ahead = await browser.get(f"/login?code={first}", headers={"Sec-Purpose": "prefetch;prerender"})
        assert "set-cookie" not in ahead.headers
        assert (await browser.get(f"/login?code={first}")).headers["location"] == "/"
        assert (await browser.get("/v1/account")).json()["username"] == "ada"
        browser.cookies.clear()
        used = await browser.get(f"/login?code={first}")
        assert (used.status_code, "set-cookie" in used.headers) == (401, False)
        assert "has been used" in used.text
        house.pass_time(3601)
        assert (await browser.get(f"/login?code={second}")).status_code == 401
    names = [token.name for token in await house.context.accounts.list_tokens("ada")]
    assert sorted(names) == ["sign-in link", "test"]
