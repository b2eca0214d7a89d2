"""Requests that no client sends on purpose: each is answered by a problem, none by a 500."""

from __future__ import annotations

import httpx
import pytest

from tests.api.house import House
from tests.api.samples import furnish

PATHS = ("/models", "/predictions", "/models/ada/hello/predictions", "/tokens", "/models/ada/hello/examples")
DEEP = b'{"input":' + b"[" * 5000 + b"]" * 5000 + b"}"
DEEPER = b'{"input":' + b'{"a":' * 200_000
BODIES = [
    pytest.param(b"{", id="cut off"),
    pytest.param(b'{"input": NaN}', id="not a number"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b"null", id="null"),
    pytest.param(b'"text"', id="a string"),
    pytest.param(b'{"name": "\xff"}', id="not UTF-8"),
    pytest.param(b'{"name": "\\ud800"}', id="half of a surrogate pair"),
    pytest.param(b"\x00\x01\x02", id="binary"),
    pytest.param(b'{"name": 1, "version": [], "input": 3, "prediction": {}}', id="wrong types"),
    pytest.param(DEEP, id="deep"),
    pytest.param(DEEPER, id="deeper"),
    pytest.param(b'{"input": {"n": ' + b"9" * 5000 + b'}, "version": "ada/hello"}', id="a huge number"),
    pytest.param(
        b'{"input": {}, "version": "ada/hello", "lifetime": "' + b"9" * 5000 + b'h"}', id="a huge duration"
    ),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BODIES)
async def test_broken_bodies(house: House, ada: httpx.AsyncClient, path: str, body: bytes) -> None:
    await furnish(house)
    response = await ada.post(path, content=body, headers={"Content-Type": "application/json"})
    if response.status_code < 400:
        assert (path, response.status_code) in {("/predictions", 201), ("/models/ada/hello/predictions", 201)}
        return
    assert response.status_code in (400, 404, 413, 422)
    _is_problem(response)


async def test_names_with_odd_characters_are_refused_or_kept(ada: httpx.AsyncClient) -> None:
    for name in ("\0", "a\0b", "\ud7ff", "\u202e", "🙂"):
        made = await ada.post("/tokens", json={"name": name})
        assert (made.status_code, made.json()["name"]) == (201, name)
        body = {"owner": "ada", "name": name, "visibility": "public", "hardware": "cpu"}
        _is_problem(await ada.post("/models", json=body))


@pytest.mark.parametrize("text", ["xyz", "bj1h", "%00", "é", "=", "bj0", "cD0x", "a" * 5000, "bj3_"])
@pytest.mark.parametrize(
    "path", ["/models", "/predictions", "/files", "/collections", "/models/ada/hello/versions"]
)
async def test_cursors_that_are_not_ours(house: House, ada: httpx.AsyncClient, path: str, text: str) -> None:
    await furnish(house)
    response = await ada.get(f"{path}?cursor={text}")
    assert response.status_code == 400
    _is_problem(response)


async def test_a_body_that_is_too_large(ada: httpx.AsyncClient) -> None:
    response = await ada.post("/tokens", content=b" " * (1 << 17))
    assert response.status_code == 413
    _is_problem(response)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/models", "GET, HEAD, POST, QUERY"),
        ("POST", "/models/ada/hello", "DELETE, GET, HEAD, PATCH"),
        ("DELETE", "/hardware", "GET, HEAD"),
        ("TRACE", "/predictions", "GET, HEAD, POST"),
    ],
)
async def test_methods_that_nobody_has(ada: httpx.AsyncClient, method: str, path: str, allowed: str) -> None:
    response = await ada.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)
    _is_problem(response)


@pytest.mark.parametrize(
    "path", ["/nothing", "/models/a/b/c/d", "/models/%00/%ff", "/predictions/../x", "/%2e%2e", "//"]
)
async def test_paths_that_are_not_there(ada: httpx.AsyncClient, path: str) -> None:
    response = await ada.get(path)
    assert response.status_code == 404
    _is_problem(response)


async def test_faults_of_words_say_which_there_are(ada: httpx.AsyncClient) -> None:
    response = await ada.get("/models?sort_direction=up")
    told = 'sort_direction must be one of the following: "asc", "desc"'
    assert told in response.json()["detail"]


def _is_problem(response: httpx.Response) -> None:
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code
    assert response.json()["detail"]
