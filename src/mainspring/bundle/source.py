"""A model's source tree: packed for a push, unpacked without trust, named by a digest."""

from __future__ import annotations

import gzip
import hashlib
import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mainspring.bundle.dockerignore import read_ignore
from mainspring.core.errors import BundleError

ALWAYS_SKIPPED = frozenset({".git", ".cog", "__pycache__", ".venv"})
_CHUNK = 1 << 20
_MAX_UNPACKED = 64 << 30
_MAX_FILES = 200_000


def pack(source: Path, into: IO[bytes]) -> int:
    """Write `source` as tar.gz into the open file; the same tree gives the same bytes. Returns the number of files.

    Honours .dockerignore as Docker does; cog.yaml always goes along; .git, .cog, __pycache__ and .venv never do.
    Raises BundleError for what a push can't carry: links out of the tree, sockets, devices.
    """
    if not (source / "cog.yaml").is_file():
        raise BundleError(f"There is no cog.yaml in {source}. A Cog model has one at its top.")
    ignored = read_ignore(source)
    count = 0
    with (
        gzip.GzipFile(fileobj=into, mode="wb", compresslevel=1, mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in _walk(source):
            if name != "cog.yaml" and ignored(name):
                continue
            count += 1
            _add(archive, source, name)
    return count


def unpack(archive: Path, into: Path, max_bytes: int = _MAX_UNPACKED, max_files: int = _MAX_FILES) -> None:
    """Unpack what `pack` made into `into`, a directory that is new or empty; on any error it is removed.

    Trusts nothing: absolute and climbing names, links that lead out, devices and bombs raise BundleError.
    """
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise FileExistsError(f"{into} is not empty")
    try:
        with tarfile.open(archive, mode="r|gz", tarinfo=_Member) as tar:
            _extract(tar, into, max_bytes, max_files)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        shutil.rmtree(into, ignore_errors=True)
        raise BundleError(f"The packed source can't be read: {error}") from error
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


def source_digest(source: Path) -> str:
    """64 hex: sha256 over each file's path, executable bit and contents, in the order of the paths."""
    total = hashlib.sha256()
    for name in _walk(source):
        path = source / name
        if path.is_symlink():
            kind, inner = b"l", hashlib.sha256(os.fsencode(path.readlink())).digest()
        else:
            kind, inner = (b"x" if _executable(path) else b"f"), _file_digest(path)
        encoded = os.fsencode(name)
        total.update(len(encoded).to_bytes(4, "big") + encoded + kind + inner)
    return total.hexdigest()


def _walk(source: Path) -> Iterator[str]:
    """Paths of all files and links, sorted, with `/`; directories count only through what they hold."""
    found: list[str] = []
    for root, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in ALWAYS_SKIPPED]
        links = [name for name in folders if os.path.islink(os.path.join(root, name))]
        found += [Path(root, name).relative_to(source).as_posix() for name in (*files, *links)]
    yield from sorted(found, key=os.fsencode)


def _add(archive: tarfile.TarFile, source: Path, name: str) -> None:
    path = source / name
    info = tarfile.TarInfo(name)
    if path.is_symlink():
        if not path.resolve().is_relative_to(source.resolve()):
            raise BundleError(
                f"{name} is a link that leads out of the model's directory; copy the file instead."
            )
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
        if os.path.isabs(info.linkname):
            info.linkname = os.path.relpath(path.resolve(), path.parent.resolve())
        archive.addfile(info)
        return
    if not path.is_file():
        raise BundleError(
            f"{name} is neither a file nor a link, so it can't be pushed; add it to .dockerignore."
        )
    info.size, info.mode = path.stat().st_size, 0o755 if _executable(path) else 0o644
    with path.open("rb") as content:
        archive.addfile(info, content)


class _Member(tarfile.TarInfo):
    """A member whose headers can't fill the memory: tarfile reads those whole."""

    _HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in self._HEADERS and self.size > _CHUNK:
            raise tarfile.ReadError("a header is too long")
        member: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]
        return member


def _extract(tar: tarfile.TarFile, into: Path, max_bytes: int, max_files: int) -> None:
    links: list[tuple[Path, str]] = []
    left = max_bytes
    for count, member in enumerate(tar, 1):
        left -= max(member.size, 0) if member.isreg() else 0
        if left < 0 or count > max_files:
            raise BundleError(
                f"The source is larger than {max_bytes} bytes or {max_files} files when unpacked."
            )
        path = into / _safe(member.name)
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
        elif member.isreg():
            _write(tar, member, path)
        elif member.issym():
            links.append((path, member.linkname))
        else:
            raise BundleError(
                f"The packed source holds {member.name!r}, which is no file, directory or link."
            )
    _link(links, into)


def _safe(name: str) -> str:
    clean = posixpath.normpath(name)
    if name.startswith("/") or clean.split("/")[0] == ".." or "\0" in name:
        raise BundleError(f"The packed source holds the unsafe path {name!r}.")
    return clean


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    if content is None:
        raise BundleError(f"The packed source holds {member.name!r} without its contents.")
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as out:
        shutil.copyfileobj(content, out, _CHUNK)


def _link(links: list[tuple[Path, str]], into: Path) -> None:
    """Links come last, so that no file is ever written through one; then each is followed and must stay inside."""
    for path, target in links:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    root = into.resolve()
    for path, target in links:
        if os.path.isabs(target) or not Path(os.path.realpath(path)).is_relative_to(root):
            name = path.relative_to(into)
            raise BundleError(f"The packed source holds the link {str(name)!r}, which leads out of it.")


def _executable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXUSR)


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()
