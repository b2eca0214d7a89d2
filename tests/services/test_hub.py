"""Downloads of weights: whole, verified, resumed, shared."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainspring.services.downloads import HubError
from mainspring.services.hub import Hub, Wanted

from .hub_double import HubDouble, running

MODEL = os.urandom(300_000)
WANTED = Wanted("acme/tiny", "a" * 40, ("config.json", "unet/model.safetensors"))
CONTENT = {"acme/tiny/config.json": b'{"n": 1}', "acme/tiny/unet/model.safetensors": MODEL}
LARGE = "acme/tiny/unet/model.safetensors"


@pytest.fixture
async def double() -> AsyncIterator[HubDouble]:
    async with running(HubDouble(dict(CONTENT))) as hub:
        yield hub


def quiet(file: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def a_hub(root: Path, double: HubDouble, token: str = "") -> Hub:
    return Hub(root, double.url, token, pause_s=0.001)


async def test_files_come_whole_once_and_read_only(tmp_path: Path, double: HubDouble) -> None:
    told: list[tuple[str, int, int]] = []
    hub = a_hub(tmp_path, double)
    first, second = await asyncio.gather(
        hub.fetch(WANTED, lambda *facts: told.append(facts)), hub.fetch(WANTED, quiet)
    )
    assert first == second == tmp_path / WANTED.directory()
    assert (first / "unet/model.safetensors").read_bytes() == MODEL
    assert not (first / "unet/model.safetensors").stat().st_mode & 0o222
    assert json.loads((first / "weights.json").read_text())["sha256"] == {
        name: hashlib.sha256(CONTENT[f"acme/tiny/{name}"]).hexdigest() for name in WANTED.files
    }
    assert told[-1] == ("unet/model.safetensors", len(MODEL), len(MODEL))
    assert len(double.asked) == 2, "the second one waits for the first"
    assert [path.name for path in tmp_path.iterdir()] == [WANTED.directory()]


async def test_it_goes_on_where_the_connection_broke(tmp_path: Path, double: HubDouble) -> None:
    double.cut, double.cuts = 60_000, 8
    await a_hub(tmp_path, double).fetch(WANTED, quiet)
    begins = [int(wanted[6:-1]) for name, wanted in double.asked if name == LARGE and wanted]
    assert begins == sorted(begins)
    assert len(begins) >= 3, "more breaks than attempts: each brought something"
    assert (tmp_path / WANTED.directory() / "unet/model.safetensors").read_bytes() == MODEL


async def test_a_hub_without_ranges_is_asked_again_from_the_start(tmp_path: Path, double: HubDouble) -> None:
    double.cut, double.cuts, double.ranges = 60_000, 2, False
    directory = await a_hub(tmp_path, double).fetch(WANTED, quiet)
    assert (directory / "unet/model.safetensors").read_bytes() == MODEL


async def test_a_canceled_download_is_resumed_by_the_next_server(tmp_path: Path, double: HubDouble) -> None:
    double.hold = asyncio.Event()
    begun = asyncio.create_task(a_hub(tmp_path, double).fetch(WANTED, quiet))
    await double.held.wait()
    part = next(iter(tmp_path.iterdir())) / "unet/model.safetensors.part"
    async with asyncio.timeout(10):
        while not part.exists() or not part.stat().st_size:
            await asyncio.sleep(0.005)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
    double.hold.set()
    kept = part.stat().st_size
    assert not (tmp_path / WANTED.directory()).exists(), "a half is not there"
    double.asked.clear()
    directory = await a_hub(tmp_path, double).fetch(WANTED, quiet)
    assert double.asked == [(LARGE, f"bytes={kept}-")], "config.json is there already"
    assert (directory / "unet/model.safetensors").read_bytes() == MODEL


async def test_a_whole_file_that_was_not_verified_yet_is(tmp_path: Path, double: HubDouble) -> None:
    part = tmp_path / f".partial-{WANTED.directory()}" / "unet/model.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(MODEL)
    directory = await a_hub(tmp_path, double).fetch(WANTED, quiet)
    assert (directory / "unet/model.safetensors").read_bytes() == MODEL


@pytest.mark.parametrize("name", CONTENT)
async def test_wrong_bytes_are_thrown_away(tmp_path: Path, double: HubDouble, name: str) -> None:
    double.wrong[name] = 1
    directory = await a_hub(tmp_path, double).fetch(WANTED, quiet)
    assert (directory / name.removeprefix("acme/tiny/")).read_bytes() == CONTENT[name]

    double.wrong[name] = 2
    with pytest.raises(HubError, match="checksum is wrong"):
        await a_hub(tmp_path / "again", double).fetch(WANTED, quiet)
    assert not list((tmp_path / "again").glob("**/model.safetensors*")) or not name.endswith("safetensors")


async def test_the_catalogue_s_checksum_is_the_one_that_counts(tmp_path: Path, double: HubDouble) -> None:
    pinned = Wanted(WANTED.repository, WANTED.revision, WANTED.files, {WANTED.files[1]: "0" * 64})
    with pytest.raises(HubError, match="checksum is wrong"):
        await a_hub(tmp_path, double).fetch(pinned, quiet)


async def test_the_token_stays_with_the_hub(tmp_path: Path, double: HubDouble) -> None:
    await a_hub(tmp_path, double, "hf_secret").fetch(WANTED, quiet)
    assert {token for where, token in double.tokens if where == "hub"} == {"Bearer hf_secret"}
    assert {token for where, token in double.tokens if where == "storage"} == {""}


@pytest.mark.parametrize(("status", "told"), [(403, "hub_token"), (404, "has no"), (500, "answered 500")])
async def test_refusals_are_told_in_words(tmp_path: Path, double: HubDouble, status: int, told: str) -> None:
    double.refuse = status
    with pytest.raises(HubError, match=told) as refused:
        await a_hub(tmp_path, double, "hf_secret").fetch(WANTED, quiet)
    assert "hf_secret" not in str(refused.value)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("acme/tiny", "main", ("config.json",)),
        Wanted("acme/tiny", "a" * 40, ("../config.json",)),
        Wanted("acme/..", "a" * 40, ("config.json",)),
        Wanted("acme/tiny", "a" * 40, ("/etc/passwd",)),
    ],
)
async def test_only_pinned_and_plain_names(tmp_path: Path, double: HubDouble, wanted: Wanted) -> None:
    with pytest.raises(HubError):
        await a_hub(tmp_path, double).fetch(wanted, quiet)
    assert not double.asked
