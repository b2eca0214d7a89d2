"""Weights from an object store: whole, verified, resumed, shared; against a real S3-compatible server."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring.services.downloads import HubError, Progress
from mainspring.services.stores import Stores, parse_place, stem_of
from mainspring.services.tags import matches

from .store_double import StoreDouble, running_store

LARGE = os.urandom(9 << 20)
FILES = {
    "unet/model.safetensors": LARGE,
    "config.json": b'{"n": 1}',
    "empty.txt": b"",
    ".git/secret": b"hidden",
}
URL = "s3://models/team/sdxl"


class Told:
    """What was told of a download."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.moved: list[tuple[str, int, int]] = []
        self.progress = Progress(self.lines.append, lambda *facts: self.moved.append(facts))


@pytest.fixture(scope="module")
def s3() -> Iterator[StoreDouble]:
    with running_store() as store:
        store.put("team/sdxl", FILES)
        yield store


@pytest.fixture
def told(s3: StoreDouble, monkeypatch: pytest.MonkeyPatch) -> Told:
    s3.forget()
    for name, value in s3.environ.items():
        monkeypatch.setenv(name, value)
    return Told()


async def fetch(root: Path, told: Told, url: str = URL) -> Path:
    return await Stores(root, pause_s=0.01).fetch(parse_place(url), told.progress)


def whole(directory: Path) -> bool:
    shown = {name: content for name, content in FILES.items() if not name.startswith(".")}
    return all((directory / name).read_bytes() == content for name, content in shown.items())


async def test_files_come_whole_once_and_read_only(tmp_path: Path, s3: StoreDouble, told: Told) -> None:
    stores = Stores(tmp_path)
    first, second = await asyncio.gather(*(stores.fetch(parse_place(URL), told.progress) for _ in range(2)))
    assert first == second
    assert whole(first)
    assert not (first / ".git").exists()
    assert not any(path.stat().st_mode & 0o222 for path in first.rglob("*.safetensors"))
    assert told.lines == ["Weights: 3 files, 9.4 MB, from s3://models/team/sdxl"]
    assert told.moved[-1] == ("unet/model.safetensors", len(LARGE), len(LARGE))
    said = json.loads((first / "weights.json").read_text())
    assert said["store"] == URL
    assert said["files"]["unet/model.safetensors"]["sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert len(s3.road.asked) == 2, "each file once, nothing of an empty one"
    assert await fetch(tmp_path, told) == first
    assert len(s3.road.asked) == 2
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


async def broken_off(root: Path, s3: StoreDouble, told: Told) -> Path:
    """The part of the large file that a server had when it ended."""
    s3.road.most, s3.road.times, s3.road.hold = 6 << 20, 1, True
    begun = asyncio.create_task(fetch(root, told))
    async with asyncio.timeout(20):
        while not (parts := [p for p in root.rglob("model.safetensors.part") if p.stat().st_size]):
            await asyncio.sleep(0.005)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
    s3.road.go.set()
    s3.road.asked.clear()
    return parts[0]


async def test_a_broken_download_is_resumed_by_the_next_server(
    tmp_path: Path, s3: StoreDouble, told: Told
) -> None:
    part = await broken_off(tmp_path, s3, told)
    kept = part.stat().st_size
    assert 0 < kept < len(LARGE)
    assert whole(await fetch(tmp_path, told))
    assert ("/models/team/sdxl/unet/model.safetensors", kept) in s3.road.asked


async def test_it_goes_on_where_the_connection_broke(tmp_path: Path, s3: StoreDouble, told: Told) -> None:
    s3.road.most, s3.road.times = 5 << 20, 2
    assert whole(await fetch(tmp_path, told))
    begins = [begin for path, begin in s3.road.asked if path.endswith(".safetensors")]
    assert len(begins) == 2, "what is left after the break is less than what breaks"
    assert begins[1] > 0


async def test_a_spoiled_part_is_loaded_again(tmp_path: Path, s3: StoreDouble, told: Told) -> None:
    part = await broken_off(tmp_path, s3, told)
    part.write_bytes(bytes(part.stat().st_size))
    assert whole(await fetch(tmp_path, told))


async def test_what_comes_twice_alike_is_what_lies_there(tmp_path: Path, s3: StoreDouble, told: Told) -> None:
    s3.road.spoil = (b'{"n": 1}', b'{"n": 2}')
    directory = await fetch(tmp_path, told)
    assert (directory / "config.json").read_bytes() == b'{"n": 2}'
    assert any("its ETag is no checksum of it" in line for line in told.lines)
    assert (directory / "unet/model.safetensors").read_bytes() == LARGE


async def test_other_files_at_the_same_place_are_other_weights(
    tmp_path: Path, s3: StoreDouble, told: Told
) -> None:
    url = "s3://models/changing/ones/"
    s3.put("changing/ones", {"a.bin": b"first"})
    first = await fetch(tmp_path, told, url)
    (tmp_path / f".partial-{first.name}x").mkdir()
    s3.put("changing/ones", {"a.bin": b"other"})
    second = await fetch(tmp_path, told, url)
    assert first != second
    assert (second / "a.bin").read_bytes() == b"other"
    assert not list(tmp_path.glob(".partial-*")), "parts of what is there no more"


@pytest.mark.parametrize("part", [5 << 20, (5 << 20) + 12345])
def test_an_upload_in_parts_is_verified_too(tmp_path: Path, part: int) -> None:
    pieces = [LARGE[at : at + part] for at in range(0, len(LARGE), part)]
    tag = f'"{hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces)).hexdigest()}-{len(pieces)}"'
    file = tmp_path / "model"
    file.write_bytes(LARGE)
    assert matches(file, tag) is (True if part == 5 << 20 else None)
    file.write_bytes(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))
    assert matches(file, tag) is None
    assert matches(file, f'"{hashlib.md5(LARGE).hexdigest()}"') is False
    assert matches(file, "0x8DC123") is None
    assert matches(file, None) is None


async def test_a_large_upload_comes_whole(tmp_path: Path, s3: StoreDouble, told: Told) -> None:
    s3.put("parted", {"model.bin": LARGE}, part=5 << 20)
    directory = await fetch(tmp_path, told, "s3://models/parted")
    found = json.loads((directory / "weights.json").read_text())["files"]["model.bin"]
    assert found["etag"].endswith('-2"')
    assert matches(directory / "model.bin", found["etag"]) is True


async def test_it_says_what_is_wrong(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HubError, match="There is nothing under s3://models/nowhere"):
        await fetch(tmp_path, told, "s3://models/nowhere")
    with pytest.raises(HubError, match=r"does not exist(?s:.*)AWS_ACCESS_KEY_ID") as failed:
        await fetch(tmp_path, told, "s3://no-such-bucket/x")
    assert "s3-secret" not in str(failed.value)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(HubError, match=r"Account must be specified(?s:.*)AZURE_STORAGE_ACCOUNT_NAME"):
        await fetch(tmp_path, told, "az://container/x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "https://example.com/x",
        "memory:///x",
        "s3://key:secret@bucket/x",
        "s3://b/x?sig=1",
        "s3://[",
    ],
)
def test_what_is_no_place(url: str) -> None:
    with pytest.raises(HubError) as failed:
        parse_place(url)
    assert "secret" not in str(failed.value)


def test_places_have_names() -> None:
    names = {
        "s3://bucket/models/sdxl base/": "sdxl base",
        "gs://bucket": "bucket",
        "az://container/x": "x",
        "abfss://weights@account.dfs.core.windows.net": "weights",
        "https://bucket.s3.eu-west-1.amazonaws.com/a/b": "b",
    }
    assert {url: parse_place(url).called for url in names} == names
    assert stem_of("s3://a/x") != stem_of("s3://b/x")
