"""Output files over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.house import BASE, House

DATA = bytes(range(256)) * 8
CAPABILITY = "c" * 52


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def store(house: House, name: str = "out.png", kind: str = "image/png", data: bytes = DATA) -> str:
    await house.context.objects.put(f"outputs/p1/{CAPABILITY}/{name}", once(data), kind, 1 << 20)
    return f"{BASE}/outputs/p1/{CAPABILITY}/{name}"


async def test_an_output_is_public_to_whoever_has_its_url(house: House, nobody: httpx.AsyncClient) -> None:
    url = await store(house)
    got = await nobody.get(url)
    assert (got.status_code, got.content) == (200, DATA)
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-length"] == str(len(DATA))
    assert got.headers["access-control-allow-origin"] == "*"
    assert got.headers["cache-control"] == "public, max-age=3600"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["accept-ranges"] == "bytes"
    head = await nobody.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(DATA))
    assert (await nobody.get(url, headers={"Authorization": "Bearer ms_wrong"})).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "part", "told"),
    [
        ("bytes=0-9", 206, slice(0, 10), "bytes 0-9/2048"),
        ("bytes=2040-", 206, slice(2040, 2048), "bytes 2040-2047/2048"),
        ("bytes=-5", 206, slice(2043, 2048), "bytes 2043-2047/2048"),
        ("bytes=5-99999", 206, slice(5, 2048), "bytes 5-2047/2048"),
        ("bytes=2048-", 416, slice(0, 0), "bytes */2048"),
    ],
)
async def test_ranges(
    house: House, nobody: httpx.AsyncClient, asked: str, status: int, part: slice, told: str
) -> None:
    got = await nobody.get(await store(house), headers={"Range": asked})
    assert (got.status_code, got.content, got.headers["content-range"]) == (status, DATA[part], told)


async def test_a_client_that_has_it_gets_no_bytes(house: House, nobody: httpx.AsyncClient) -> None:
    url = await store(house)
    etag = (await nobody.get(url)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = await nobody.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await nobody.get(url, headers={"If-None-Match": '"other"'})).status_code == 200
    part = await nobody.get(url, headers={"Range": "bytes=0-1", "If-Range": etag})
    assert part.status_code == 206
    assert (await nobody.get(url, headers={"Range": "bytes=0-1", "If-Range": '"old"'})).status_code == 200


@pytest.mark.parametrize(
    ("name", "kind"), [("a.html", "text/html"), ("a.svg", "image/svg+xml"), ("a.xml", "text/xml")]
)
async def test_a_page_from_a_model_can_not_act_as_ours(
    house: House, nobody: httpx.AsyncClient, name: str, kind: str
) -> None:
    got = await nobody.get(await store(house, name, kind, b"<script>alert(1)</script>"))
    assert got.headers["content-type"].startswith(kind)
    policy = got.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "allow-scripts" not in policy


async def test_a_type_that_is_none_does_not_reach_the_headers(
    house: House, nobody: httpx.AsyncClient
) -> None:
    got = await nobody.get(await store(house, kind="text/html\r\nSet-Cookie: a=b"))
    assert got.headers["content-type"] == "application/octet-stream"
    assert "set-cookie" not in got.headers


async def test_odd_names_are_found(house: House, nobody: httpx.AsyncClient) -> None:
    name = "é b%?#.png"
    await store(house, name)
    got = await nobody.get(f"{BASE}/outputs/p1/{CAPABILITY}/%C3%A9%20b%25%3F%23.png")
    assert got.content == DATA


@pytest.mark.parametrize(
    "path", ["p1/x/out.png", "p2/{c}/out.png", "p1/{c}/none", "p1/{c}/%2e%2e", "p1/{c}/a%00b", "p1/{c}"]
)
async def test_what_is_not_there_is_not_found(house: House, nobody: httpx.AsyncClient, path: str) -> None:
    await store(house)
    got = await nobody.get(f"{BASE}/outputs/{path.replace('{c}', CAPABILITY)}")
    assert got.status_code == 404
    assert got.headers["content-type"] == "application/problem+json"
