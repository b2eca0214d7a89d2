"""Files over HTTP, in each client's dialect."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import replicate

from mainspring.api.files import sign_download
from mainspring.core.ids import rfc3339
from mainspring.settings import Settings
from tests.api.house import BASE, START, House

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
CONTENT = ("content", ("a.txt", b"hello", "text/plain"))


def form(*parts: tuple[str, bytes], boundary: str = "----x") -> dict[str, Any]:
    """A raw form: (part headers, body) pairs."""
    body = b"".join(
        b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), head.encode(), data) for head, data in parts
    )
    return {
        "content": body + f"--{boundary}--\r\n".encode(),
        "headers": {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    }


def field(name: str, more: str = "") -> str:
    return f'Content-Disposition: form-data; name="{name}"{more}'


async def upload(client: httpx.AsyncClient, **given: Any) -> dict[str, Any]:
    response = await client.post("/files", **given)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def test_the_official_client_uploads_reads_lists_and_deletes(house: House, tmp_path: Path) -> None:
    client = replicate.Client(
        api_token=house.tokens["ada"], base_url=BASE, transport=httpx.ASGITransport(house.app)
    )
    (tmp_path / "photo.png").write_bytes(PNG)
    made = await client.files.async_create(tmp_path / "photo.png", metadata={"a": {"b": 1}})
    assert (made.name, made.content_type, made.size) == ("photo.png", "image/png", len(PNG))
    assert made.etag == hashlib.md5(PNG).hexdigest() == made.checksums["md5"]
    assert made.checksums["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert made.metadata == {"a": {"b": 1}}
    assert made.urls == {"get": f"{BASE}/v1/files/{made.id}"}
    assert made.expires_at == rfc3339(START + timedelta(seconds=house.context.settings.file_ttl_s))
    assert await client.files.async_get(made.id) == made
    assert await client.files.async_list() == [made]
    assert await client.files.async_delete(made.id)
    assert await client.files.async_list() == []
    nameless = await client.files.async_create(io.BytesIO(b"text"))
    assert (nameless.name, nameless.metadata) == ("file", {})


async def test_the_python_2_client_sends_fields_and_bracketed_metadata(ada: httpx.AsyncClient) -> None:
    made = await upload(
        ada,
        data={"filename": "photo", "type": "image/jpeg", "metadata[a]": "1", "metadata[b][c]": "2"},
        files={"content": ("upload", b"bytes", "application/octet-stream")},
    )
    assert (made["name"], made["content_type"]) == ("photo", "image/jpeg")
    assert made["metadata"] == {"a": "1", "b": {"c": "2"}}


async def test_the_python_2_client_loses_name_and_type_of_inputs(ada: httpx.AsyncClient) -> None:
    made = await upload(ada, files={"content": ("upload", PNG, "application/octet-stream")})
    assert (made["name"], made["content_type"]) == ("upload.png", "image/png")


async def test_the_javascript_client_sends_metadata_as_a_file(ada: httpx.AsyncClient) -> None:
    parts = (
        (field("content", '; filename="blob_1700000000000"') + "\r\nContent-Type: audio/wav", b"RIFF"),
        (field("metadata", '; filename="blob"') + "\r\nContent-Type: application/json", b'{"k":[1]}'),
    )
    made = await upload(ada, **form(*parts, boundary="----WebKitFormBoundary01234"))
    assert (made["name"], made["content_type"]) == ("blob_1700000000000.wav", "audio/wav")
    assert made["metadata"] == {"k": [1]}
    reversed_ = await upload(ada, **form(*reversed(parts)))
    assert {k: made[k] for k in ("name", "etag", "metadata")} == {
        k: reversed_[k] for k in ("name", "etag", "metadata")
    }


async def test_the_go_client_sends_metadata_as_text(ada: httpx.AsyncClient) -> None:
    parts = (
        (field("content", '; filename="a b.txt"') + "\r\nContent-Type: text/plain; charset=utf-8", b"x"),
        (field("metadata"), b'{"k":"v"}'),
    )
    made = await upload(ada, **form(*parts))
    assert (made["name"], made["content_type"]) == ("a b.txt", "text/plain; charset=utf-8")
    assert made["metadata"] == {"k": "v"}


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a", b"\xff\xd8\xff\xe0....", "image/jpeg"),
        ("a", b"RIFF....WEBPVP8 ", "image/webp"),
        ("a", b"RIFF....WAVEfmt ", "audio/wav"),
        ("a", b"ID3\x04", "audio/mpeg"),
        ("a", b"\xff\xfb\x90\x00", "audio/mpeg"),
        ("a", b"OggS\x00", "audio/ogg"),
        ("a", b"fLaC\x00", "audio/flac"),
        ("a", b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        ("a", b"%PDF-1.7", "application/pdf"),
        ("a", b"GIF89a", "image/gif"),
        ("a.json", b"{}", "application/json"),
        ("a", b"\xff\xfeh\x00i\x00", "application/octet-stream"),
        ("a", b"", "application/octet-stream"),
    ],
)
async def test_what_nobody_tells_is_found_out(
    ada: httpx.AsyncClient, name: str, data: bytes, kind: str
) -> None:
    made = await upload(ada, files={"content": (name, data, "application/octet-stream")})
    assert made["content_type"] == kind


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        ({"json": {}}, 400, "multipart/form-data"),
        ({"data": {"filename": "a"}, "files": {"other": b"x"}}, 422, "content is required"),
        ({"files": [CONTENT, CONTENT]}, 400, "content twice"),
        ({"files": [CONTENT], "data": {"metadata": "{"}}, 400, "metadata is not valid JSON"),
        ({"files": [CONTENT], "data": {"metadata": "[]"}}, 400, "metadata must be a JSON object"),
        ({"files": [CONTENT], "data": {"metadata[a]": "1", "metadata[a][b]": "1"}}, 400, "metadata names"),
        ({"files": [CONTENT], "data": {"filename": "x" * 256}}, 400, "at most 255 bytes"),
        ({"files": [CONTENT], "data": {"filename": "a\nb"}}, 400, "filename can't be used"),
        ({"files": [CONTENT], "data": {"filename": ".."}}, 400, "filename can't be used"),
        (
            {"content": b"--b\r\nrubbish", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            400,
            "form",
        ),
        ({"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 400, "ends early"),
    ],
)
async def test_a_form_that_can_not_be_leaves_nothing(
    ada: httpx.AsyncClient, tmp_path: Path, given: dict[str, Any], status: int, told: str
) -> None:
    response = await ada.post("/files", **given)
    assert response.status_code == status
    assert told in response.json()["detail"]
    assert (await ada.get("/files")).json()["results"] == []
    assert [one for one in (tmp_path / "objects").rglob("*") if one.is_file()] == []


async def test_a_file_name_is_only_a_name(ada: httpx.AsyncClient) -> None:
    made = await upload(ada, files={"content": ("../../etc/passwd", b"x", "text/plain")})
    assert made["name"] == "passwd"


class TestSmallLimit:
    """Where a file may have 1 MB."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(data=tmp_path, max_upload=1 << 20)

    async def test_a_file_of_the_limit_fits(self, ada: httpx.AsyncClient) -> None:
        made = await upload(ada, files={"content": b"x" * (1 << 20)})
        assert made["size"] == 1 << 20

    @pytest.mark.parametrize("size", [(1 << 20) + 1, 5 << 20])
    async def test_a_larger_one_does_not(self, ada: httpx.AsyncClient, tmp_path: Path, size: int) -> None:
        response = await ada.post("/files", files={"content": b"x" * size})
        assert (response.status_code, response.json()["detail"]) == (
            413,
            "Files must be less than 1MB in size",
        )
        assert [one for one in (tmp_path / "objects").rglob("*") if one.is_file()] == []

    async def test_nor_one_whose_size_was_not_told(self, ada: httpx.AsyncClient) -> None:
        whole = form((field("content", '; filename="a"'), b"x" * (3 << 20)))

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(whole["content"]), 60_000):
                yield whole["content"][start : start + 60_000]

        response = await ada.post("/files", content=pieces(), headers=whole["headers"])
        assert response.status_code == 413


async def test_bytes_survive_any_cut_of_the_form(ada: httpx.AsyncClient) -> None:
    data = b"\r\n------x\r\n--\r\n----" + bytes(range(256)) + b"\r\n------\r"
    whole = form((field("content", '; filename="a.bin"'), data), boundary="----xyz")

    async def one_by_one() -> AsyncIterator[bytes]:
        for byte in whole["content"]:
            yield bytes([byte])

    made = await upload(ada, content=one_by_one(), headers=whole["headers"])
    assert (made["size"], made["etag"]) == (len(data), hashlib.md5(data).hexdigest())
    got = await ada.get(f"/files/{made['id']}/download")
    assert got.content == data


async def test_files_of_others_and_expired_ones_are_not_found(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    made = await upload(ada, files=[CONTENT])
    for client in (bob, ada):
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/download")):
            if client is ada:
                house.clock[0] = START + timedelta(seconds=house.context.settings.file_ttl_s)
            response = await client.request(method, f"/files/{made['id']}{path}")
            assert (response.status_code, response.json()["detail"]) == (404, "File not found")
    house.clock[0] = START
    assert (await ada.get(f"/files/{made['id']}")).json() == made


async def test_delete_takes_the_bytes_too(house: House, ada: httpx.AsyncClient) -> None:
    made = await upload(ada, files=[CONTENT])
    key = f"files/{made['id']}"
    assert house.context.objects.path(key).read_bytes() == b"hello"
    assert (await ada.delete(f"/files/{made['id']}")).status_code == 204
    assert (await ada.get(f"/files/{made['id']}")).status_code == 404
    assert not house.context.objects.path(key).exists()


async def test_a_signed_url_downloads_without_a_token_until_it_expires(
    house: House, ada: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    made = await upload(ada, files={"content": ("a.html", b"<script>", "text/html")})
    expiry = int(START.timestamp()) + 60

    def url(owner: str = "ada", until: int = expiry, signature: str | None = None) -> str:
        signed = signature or sign_download(house.context.vault, "ada", made["id"], expiry)
        return f"/files/{made['id']}/download?owner={owner}&expiry={until}&signature={quote(signed, safe='')}"

    good = await nobody.get(url())
    assert (good.status_code, good.content) == (200, b"<script>")
    assert good.headers["content-type"].startswith("text/html")
    assert good.headers["content-security-policy"].startswith("sandbox")
    assert good.headers["content-disposition"] == 'attachment; filename="a.html"'
    for bad in (url(owner="bob"), url(until=expiry + 1), url(signature="AAAA"), url(until=10**20)):
        assert (await nobody.get(bad)).status_code == 404
    house.pass_time(60)
    assert (await nobody.get(url())).status_code == 404


async def test_files_are_listed_in_pages(house: House, ada: httpx.AsyncClient) -> None:
    for _ in range(101):
        await upload(ada, files=[CONTENT])
        house.pass_time(1)
    first = (await ada.get("/files")).json()
    assert len(first["results"]) == 100
    second = (await ada.get(first["next"])).json()
    assert len(second["results"]) == 1
    ids = [f["id"] for f in first["results"] + second["results"]]
    assert ids == sorted(ids, reverse=True)


async def test_metadata_is_echoed_as_it_came(ada: httpx.AsyncClient) -> None:
    metadata = {"é": None, "n": 1.5, "deep": {"list": [True, {"x": ""}]}}
    made = await upload(ada, files=[CONTENT], data={"metadata": json.dumps(metadata)})
    assert made["metadata"] == metadata
