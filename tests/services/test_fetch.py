"""Files named by URL: fetched from where they may be fetched, and from nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainspring.core.egress import Egress
from mainspring.services.fetch import Fetcher
from mainspring.services.inputs import InputError

REPLIES = {
    "/photo.jpg": "200 OK\r\nContent-Length: 5\r\n\r\nphoto",
    "/large": f"200 OK\r\nContent-Length: 2000\r\n\r\n{'x' * 2000}",
    "/gone": "404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "/moved": "302 Found\r\nLocation: /photo.jpg\r\nContent-Length: 0\r\n\r\n",
    "/inward": "302 Found\r\nLocation: http://127.0.0.2:{port}/photo.jpg\r\nContent-Length: 0\r\n\r\n",
    "/loop": "302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n",
    "/other": "302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture
async def base() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        reply = REPLIES[head.split(b" ")[1].decode()].replace("{port}", str(port))
        writer.write(f"HTTP/1.1 {reply}".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.close()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    made = Fetcher(Egress(private=True), limit=1000)
    yield made
    await made.close()


async def test_a_file_is_fetched_redirects_included(base: str, fetcher: Fetcher, tmp_path: Path) -> None:
    for path in ("/photo.jpg", "/moved"):
        assert await fetcher.fetch(base + path, tmp_path / "photo.jpg") == "photo.jpg"
        assert (tmp_path / "photo.jpg").read_bytes() == b"photo"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/large", "larger than"),
        ("/gone", "answered 404 Not Found"),
        ("/loop", "redirects too often"),
        ("/other", "not an http or https URL"),
    ],
)
async def test_what_can_not_be_fetched_says_why(
    base: str, fetcher: Fetcher, tmp_path: Path, path: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        await fetcher.fetch(base + path, tmp_path / "file")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "169.254.169.254", "0.0.0.0"]
)
async def test_private_addresses_are_refused_by_number_and_by_name(tmp_path: Path, host: str) -> None:
    fetcher = Fetcher(Egress(), limit=1000)
    with pytest.raises(InputError, match="private address"):
        await fetcher.fetch(f"http://{host}:1/photo.jpg", tmp_path / "file")
    await fetcher.close()


async def test_a_redirect_does_not_lead_inward(base: str, tmp_path: Path) -> None:
    fetcher = Fetcher(Egress.naming("127.0.0.1"), limit=1000)
    assert await fetcher.fetch(f"{base}/photo.jpg", tmp_path / "file") == "file"
    with pytest.raises(InputError, match=r"127\.0\.0\.2 is a private address"):
        await fetcher.fetch(f"{base}/inward", tmp_path / "file")
    await fetcher.close()
