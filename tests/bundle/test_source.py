"""Packing, unpacking and naming a source tree; Docker's ignore rules."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mainspring.bundle import pack, source_digest, unpack
from mainspring.bundle.dockerignore import parse_ignore
from mainspring.core.errors import BundleError


def grow(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def names(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if not path.is_dir() or path.is_symlink()
    }


def packed(source: Path) -> bytes:
    out = io.BytesIO()
    pack(source, out)
    return out.getvalue()


def test_there_and_back(tmp_path: Path) -> None:
    source = grow(
        tmp_path / "a",
        *("cog.yaml", "predict.py", "sub/deep/x.bin", "ünï cödé.txt", "run.sh", "weights/w"),
        *(
            ".git/HEAD",
            ".cog/openapi_schema.json",
            "__pycache__/x.pyc",
            "sub/__pycache__/y.pyc",
            ".venv/bin/python",
        ),
    )
    (source / "run.sh").chmod(0o755)
    (source / "sub" / "link").symlink_to("../predict.py")
    (source / "folder").symlink_to(source / "weights")
    data = packed(source)
    archive = tmp_path / "a.tgz"
    archive.write_bytes(data)
    unpack(archive, tmp_path / "b")
    assert names(tmp_path / "b") == {
        *(
            "cog.yaml",
            "predict.py",
            "sub/deep/x.bin",
            "ünï cödé.txt",
            "run.sh",
            "weights/w",
            "sub/link",
            "folder",
        )
    }
    assert (tmp_path / "b" / "folder" / "w").read_text() == "weights/w"
    assert os.access(tmp_path / "b" / "run.sh", os.X_OK)
    assert not os.access(tmp_path / "b" / "predict.py", os.X_OK)
    assert source_digest(tmp_path / "b") == source_digest_of(data, tmp_path / "c")


def source_digest_of(data: bytes, into: Path) -> str:
    archive = into.with_suffix(".tgz")
    archive.write_bytes(data)
    unpack(archive, into)
    return source_digest(into)


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    one = grow(tmp_path / "one", "cog.yaml", "b", "a/c")
    two = grow(tmp_path / "two", "a/c", "b", "cog.yaml")
    os.utime(two / "b", (1, 1))
    (two / "b").chmod(0o600)
    assert packed(one) == packed(two)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "b").write_text("other"),
        lambda root: (root / "b").chmod(0o755),
        lambda root: (root / "b").rename(root / "bb"),
        lambda root: (root / "new").write_text(""),
        lambda root: ((root / "b").unlink(), (root / "b").symlink_to("cog.yaml")),
    ],
)
def test_digest_sees(tmp_path: Path, change: Callable[[Path], object]) -> None:
    root = grow(tmp_path / "x", "cog.yaml", "b")
    before = source_digest(root)
    grow(root, ".cog/openapi_schema.json", "__pycache__/b.pyc")
    assert source_digest(root) == before
    change(root)
    assert source_digest(root) != before


def test_dockerignore_is_honoured(tmp_path: Path) -> None:
    source = grow(tmp_path, "cog.yaml", "a.py", "data/x", "data/keep", "deep/data/y", "big.bin")
    (source / ".dockerignore").write_text("# not these\ndata\n!data/keep\n*.bin\ncog.yaml\n")
    with tarfile.open(fileobj=io.BytesIO(packed(source))) as tar:
        listed = set(tar.getnames())
    assert listed == {".dockerignore", "a.py", "cog.yaml", "data/keep", "deep/data/y"}


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        ("*.pyc", "a.pyc", True),
        ("*.pyc", "sub/a.pyc", False),
        ("**/*.pyc", "a.pyc", True),
        ("**/*.pyc", "x/y/a.pyc", True),
        ("*/temp*", "x/temporary", True),
        ("*/temp*", "x/y/temporary", False),
        ("*/temp*", "x/temporary/deep", True),
        ("temp?", "tempa", True),
        ("temp?", "temp", False),
        ("/abs", "abs/file", True),
        ("dir/", "dir/file", True),
        ("./dir", "dir/file", True),
        ("a/../b", "b", True),
        ("dir/**", "dir/x/y", True),
        ("dir/**", "dir", False),
        ("**/node_modules", "x/node_modules/y", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("**", "anything/at/all", True),
        ("*", ".hidden", True),
        ("*\n!keep", "keep/deep/file", False),
        ("!keep\n*", "keep", True),
        ("docs\n!docs/*.md\ndocs/secret.md", "docs/a.md", False),
        ("docs\n!docs/*.md\ndocs/secret.md", "docs/secret.md", True),
        ("[a-c].txt", "b.txt", True),
        ("[^a-c].txt", "b.txt", False),
        ("[^a-c].txt", "d.txt", True),
        (r"\*.txt", "*.txt", True),
        (r"\*.txt", "a.txt", False),
        ("a.b", "aXb", False),
        ("#x\n\n  \n.", "x", False),
        ("  spaced  ", "spaced", True),
        ("*.log\n", "new\nline.log", True),
    ],
)
def test_docker_rules(patterns: str, path: str, ignored: bool) -> None:
    assert parse_ignore(patterns.split("\n"))(path) is ignored


@pytest.mark.parametrize("pattern", ["!", "a[z-a]"])
def test_a_bad_pattern_has_its_line(pattern: str) -> None:
    with pytest.raises(BundleError, match="line 2"):
        parse_ignore(["fine", pattern])


def test_what_cannot_be_packed(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no cog.yaml"):
        packed(tmp_path)
    source = grow(tmp_path / "s", "cog.yaml")
    (source / "out").symlink_to("/etc/passwd")
    with pytest.raises(BundleError, match="out is a link that leads out"):
        packed(source)
    (source / "out").unlink()
    os.mkfifo(source / "pipe")
    with pytest.raises(BundleError, match="pipe is neither a file nor a link"):
        packed(source)


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"x"
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    return info, data


SYM, HARD, CHAR, FIFO = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("../out")], "unsafe path"),
        ([member("/abs")], "unsafe path"),
        ([member("a/../../out")], "unsafe path"),
        ([member("l", SYM, "/etc/passwd")], "leads out"),
        ([member("l", SYM, "../../x")], "leads out"),
        ([member("a/l", SYM, ".."), member("m", SYM, "a/l/../..")], "leads out"),
        ([member("l", SYM, "/etc"), member("l/cron", data=b"evil")], "exists|can't be read|leads out"),
        ([member("a", HARD, "/etc/passwd")], "no file, directory or link"),
        ([member("a", CHAR)], "no file, directory or link"),
        ([member("a", FIFO)], "no file, directory or link"),
        ([member("a"), member("a")], "can't be read"),
        ([member("a", data=b"x" * 2000)], "larger than 1000 bytes"),
        ([member("a", data=b"x" * 600), member("b", data=b"x" * 600)], "larger than 1000 bytes"),
        ([member(str(n), data=b"") for n in range(12)], "10 files"),
    ],
)
def test_hostile_archives(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], message: str) -> None:
    archive = tmp_path / "x.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(BundleError, match=message):
        unpack(archive, tmp_path / "in" / "to", max_bytes=1000, max_files=10)
    assert not (tmp_path / "in" / "to").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"x.tgz", "in"}


def test_unpacks_into_an_empty_directory_only(tmp_path: Path) -> None:
    archive = tmp_path / "x.tgz"
    archive.write_bytes(packed(grow(tmp_path / "s", "cog.yaml")))
    (tmp_path / "into").mkdir()
    unpack(archive, tmp_path / "into")
    assert names(tmp_path / "into") == {"cog.yaml"}
    with pytest.raises(FileExistsError):
        unpack(archive, tmp_path / "into")
    assert names(tmp_path / "into") == {"cog.yaml"}


def test_broken_archives(tmp_path: Path) -> None:
    archive = tmp_path / "x.tgz"
    whole = packed(grow(tmp_path / "s", "cog.yaml", "weights"))
    for data in (b"", b"not gzip at all", whole[: len(whole) // 2]):
        archive.write_bytes(data)
        with pytest.raises(BundleError, match="can't be read"):
            unpack(archive, tmp_path / "into")
        assert not (tmp_path / "into").exists()


def test_a_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    archive = tmp_path / "x.tgz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"comment": "x" * (2 << 20)}
        tar.addfile(info)
    with pytest.raises(BundleError, match="header is too long"):
        unpack(archive, tmp_path / "into")
