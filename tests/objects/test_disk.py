"""Objects on disk: atomic, hashed, and not to be tricked by a model."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainspring.core.errors import TooLarge
from mainspring.objects import Objects, RefusedFileError, Stored
from mainspring.objects.disk import DiskObjects

KEY = "outputs/p/cap/out.png"


@pytest.fixture
def objects(tmp_path: Path) -> DiskObjects:
    return DiskObjects(tmp_path / "objects")


@pytest.fixture
def model_files(tmp_path: Path) -> Path:
    made = tmp_path / "instance"
    made.mkdir()
    return made


async def chunks(*given: bytes) -> AsyncIterator[bytes]:
    for chunk in given:
        yield chunk


def expected(data: bytes, content_type: str = "image/png", key: str = KEY) -> Stored:
    md5 = hashlib.md5(data).hexdigest()
    return Stored(key, len(data), content_type, hashlib.sha256(data).hexdigest(), md5)


def files_in(root: Path) -> list[Path]:
    return [one for one in root.rglob("*") if one.is_file()]


@pytest.mark.parametrize("durable", [False, True])
async def test_what_is_put_is_there_with_its_facts(tmp_path: Path, durable: bool) -> None:
    objects: Objects = DiskObjects(tmp_path, durable=durable)
    data = os.urandom(3_000_000)
    stored = await objects.put(KEY, chunks(data[:10], b"", data[10:]), "image/png", len(data))
    assert stored == expected(data) == await objects.stat(KEY)
    assert objects.path(KEY).read_bytes() == data


async def test_an_empty_object_is_one(objects: DiskObjects) -> None:
    assert await objects.put(KEY, chunks(), "image/png", 0) == expected(b"") == await objects.stat(KEY)


async def test_nothing_is_kept_of_what_is_too_large(objects: DiskObjects, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await objects.put(KEY, chunks(b"abc", b"d"), "image/png", 3)
    assert await objects.stat(KEY) is None
    assert files_in(tmp_path) == []


async def test_nothing_is_kept_of_an_upload_that_is_cut_off(objects: DiskObjects, tmp_path: Path) -> None:
    started = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        started.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(objects.put(KEY, slow(), "image/png", 1 << 30))
    await started.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert await objects.stat(KEY) is None
    assert files_in(tmp_path) == []


async def test_the_later_of_two_wins_whole(objects: DiskObjects) -> None:
    await objects.put(KEY, chunks(b"one"), "text/plain", 10)
    assert (
        await objects.put(KEY, chunks(b"three"), "image/png", 10)
        == await objects.stat(KEY)
        == expected(b"three")
    )
    assert objects.path(KEY).read_bytes() == b"three"


async def test_delete_forgets_and_is_idempotent(objects: DiskObjects, tmp_path: Path) -> None:
    await objects.put(KEY, chunks(b"one"), "text/plain", 10)
    await objects.delete(KEY)
    await objects.delete(KEY)
    assert await objects.stat(KEY) is None
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "a//b", "../x", "a/../b", "a/./b", "a/", "a\0b", "x" * 2000]
)
async def test_keys_are_checked(objects: DiskObjects, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        objects.path(key)
    with pytest.raises(ValueError, match="not a key"):
        await objects.put(key, chunks(b"x"), "text/plain", 10)


async def test_odd_names_stay_inside(objects: DiskObjects, tmp_path: Path) -> None:
    key = "outputs/p/cap/" + "é ..\\~%2e%2e" * 20
    await objects.put(key, chunks(b"x"), "text/plain", 10)
    assert objects.path(key).resolve().is_relative_to(tmp_path / "objects")


async def test_an_adopted_file_is_a_copy(objects: DiskObjects, model_files: Path) -> None:
    made = model_files / "out.png"
    made.write_bytes(b"x" * 2_500_000)
    stored = await objects.adopt(KEY, made, "image/png", within=model_files)
    made.write_bytes(b"changed")
    assert stored == expected(b"x" * 2_500_000) == await objects.stat(KEY)
    assert objects.path(KEY).read_bytes() == b"x" * 2_500_000


async def test_a_missing_file_is_told(objects: DiskObjects, model_files: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await objects.adopt(KEY, model_files / "out.png", "image/png")


async def test_links_and_what_is_not_a_file_are_refused(
    objects: DiskObjects, model_files: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (model_files / "link").symlink_to(secret)
    os.mkfifo(model_files / "pipe")
    (model_files / "directory").mkdir()
    for name in ("link", "pipe", "directory"):
        with pytest.raises(RefusedFileError, match=name):
            await objects.adopt(KEY, model_files / name, "image/png")
    assert await objects.stat(KEY) is None


async def test_a_linked_directory_leads_nowhere(
    objects: DiskObjects, model_files: Path, tmp_path: Path
) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    (model_files / "out").symlink_to(tmp_path / "private")
    for path in (model_files / "out" / "key", model_files / ".." / "private" / "key"):
        with pytest.raises(RefusedFileError, match="outside"):
            await objects.adopt(KEY, path, "image/png", within=model_files)


async def test_a_file_that_grows_while_it_is_copied_is_cut_where_it_was(
    objects: DiskObjects, model_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model_files / "out.png"
    made.write_bytes(b"x" * 10)
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        with made.open("ab") as more:
            more.write(b"y" * 100)
        return found

    monkeypatch.setattr(os, "fstat", fstat)
    stored = await objects.adopt(KEY, made, "image/png")
    monkeypatch.undo()
    assert stored.size == len(objects.path(KEY).read_bytes()) < 10 + 100 * 10
    assert stored.sha256 == hashlib.sha256(objects.path(KEY).read_bytes()).hexdigest()


async def test_leftovers_of_a_crash_are_swept(objects: DiskObjects, tmp_path: Path) -> None:
    left = tmp_path / "objects" / "drafts" / "old.part"
    left.write_bytes(b"x")
    assert objects.sweep(older_than=time.time() - 60) == 0
    assert objects.sweep(older_than=time.time() + 60) == 1
    assert not left.exists()


async def test_a_copy_lives_and_goes_by_itself(objects: DiskObjects, tmp_path: Path) -> None:
    other = "outputs/q/cap/out.png"
    assert await objects.copy(KEY, other) is None
    await objects.put(KEY, chunks(b"data"), "image/png", 9)
    assert await objects.copy(KEY, other) == expected(b"data", key=other) == await objects.stat(other)
    assert objects.path(KEY).samefile(objects.path(other)), "the same bytes on the disk"
    await objects.put(KEY, chunks(b"new"), "image/png", 9)
    assert objects.path(other).read_bytes() == b"data"
    await objects.delete(KEY)
    assert objects.path(other).read_bytes() == b"data"
    await objects.delete(other)
    assert files_in(tmp_path) == []


async def test_where_there_are_no_second_names_bytes_are_copied(
    objects: DiskObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.EMLINK, "too many links")

    monkeypatch.setattr(os, "link", refuses)
    await objects.put(KEY, chunks(b"data"), "image/png", 9)
    assert await objects.copy(KEY, "outputs/q/cap/out.png") is not None
    assert objects.path("outputs/q/cap/out.png").read_bytes() == b"data"
