"""Downloads weights from a model hub: at a pinned commit, verified, resumed where an earlier attempt stopped."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mainspring.services.downloads import (
    BLOCK,
    PARTIAL,
    Broken,
    HubError,
    Said,
    Wrong,
    digest,
    keep,
    persist,
    seal,
    size_of,
)

if TYPE_CHECKING:
    import aiohttp

HUB = "hub://"
_QUIET_S = 60.0
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files of a repository at a commit. sha256: hex by file, where it is known beforehand."""

    repository: str
    revision: str
    files: tuple[str, ...]
    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """Repository and commit, the latter shortened."""
        return f"{self.repository}@{self.revision[:12]}"

    @property
    def url(self) -> str:
        """The place, as an operator names it."""
        return f"{HUB}{self.repository}@{self.revision}"

    def directory(self) -> str:
        """Name of the directory that holds them: what other files are wanted is another directory."""
        chosen = hashlib.sha256("\n".join(sorted(self.files)).encode()).hexdigest()[:8]
        return f"{self.repository.replace('/', '--')}-{self.revision[:12]}-{chosen}"


@dataclass(frozen=True, slots=True)
class _Piece:
    """One file on its way. sha256: hex, where it is known beforehand."""

    url: str
    name: str
    target: Path
    part: Path
    sha256: str | None


class Hub:
    """Keeps what was downloaded in directories under root, each whole or not there.

    endpoint: URL of the hub; token: for repositories that want one, told to the hub alone. pause_s: before the
    second attempt, doubled before each later one.
    """

    def __init__(self, root: Path, endpoint: str, token: str = "", pause_s: float = 1.0) -> None:
        self._root = root
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._pause_s = pause_s
        self._locks: dict[str, asyncio.Lock] = {}

    def has(self, wanted: Wanted) -> bool:
        """Whether the files are here already."""
        return (self._root / wanted.directory()).is_dir()

    async def fetch(self, wanted: Wanted, said: Said) -> Path:
        """The directory with the files, downloaded unless it is there.

        said(file, bytes so far, bytes in all) is told of progress; 0 in all where the hub does not say.
        Raises HubError. What was loaded by then is kept, and the next attempt goes on from there.
        """
        _check(wanted)
        name = wanted.directory()
        async with self._locks.setdefault(name, asyncio.Lock()):
            done = self._root / name
            if not done.is_dir():
                await self._fill(wanted, self._root / f"{PARTIAL}{name}", said)
                (self._root / f"{PARTIAL}{name}").rename(done)
            return done

    async def _fill(self, wanted: Wanted, place: Path, said: Said) -> None:
        import aiohttp

        place.mkdir(parents=True, exist_ok=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=_QUIET_S)
        headers = {"User-Agent": "mainspring", "Accept-Encoding": "identity"}
        async with aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=True) as session:
            sums = {}
            for name in wanted.files:
                url = f"{self._endpoint}/{wanted.repository}/resolve/{wanted.revision}/{quote(name)}"
                target = place / name
                part = target.with_name(f"{target.name}.part")
                piece = _Piece(url, name, target, part, wanted.sha256.get(name))
                sums[name] = await self._have(session, piece, said)
        facts: dict[str, Any] = {"hub": wanted.repository, "revision": wanted.revision, "sha256": sums}
        await asyncio.to_thread(seal, place, sums, facts)

    async def _have(self, session: aiohttp.ClientSession, piece: _Piece, said: Said) -> str:
        """The file's sha256, once it is there."""
        if piece.target.is_file():
            return await asyncio.to_thread(digest, piece.target)
        piece.part.parent.mkdir(parents=True, exist_ok=True)
        what = f"{piece.name} of {piece.url}"
        return await persist(what, piece.part, partial(self._attempt, session, piece, said), self._pause_s)

    async def _attempt(self, session: aiohttp.ClientSession, piece: _Piece, said: Said) -> str:
        import aiohttp

        begun = size_of(piece.part)
        headers = {"Range": f"bytes={begun}-"} if begun else {}
        headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with session.get(piece.url, headers=headers) as response:
                sha256, git = _promised(response)
                if response.status != 416:
                    _refuse(response, piece)
                    await _save(response, piece, begun if response.status == 206 else 0, said)
        except aiohttp.ClientError as error:
            raise Broken(str(error) or type(error).__name__) from error
        return await asyncio.to_thread(_verify, piece, piece.sha256 or sha256, git)


def _check(wanted: Wanted) -> None:
    """Names become paths and parts of URLs: nothing that climbs, nothing but a commit."""
    steps = [*wanted.repository.split("/"), *(step for file in wanted.files for step in file.split("/"))]
    if not re.fullmatch(r"[0-9a-f]{40}", wanted.revision):
        raise HubError(
            f"{wanted.repository} is not pinned to a commit. Name one by its 40 hex digits: "
            f"{HUB}{wanted.repository}@COMMIT"
        )
    if bad := [step for step in steps if not _PLAIN.fullmatch(step)]:
        raise HubError(f"{bad[0]!r} can't be a part of a file's name.")


def _refuse(response: aiohttp.ClientResponse, piece: _Piece) -> None:
    if response.status in (401, 403):
        raise HubError(
            f"The hub refuses {piece.url} ({response.status}). If its licence has to be accepted there, do that, and "
            "give the server your token of the hub as the setting hub_token."
        )
    if response.status in (404, 410):
        raise HubError(f"The hub has no {piece.url}.")
    if response.status not in (200, 206):
        raise Broken(f"it answered {response.status} {response.reason}")


async def _save(response: aiohttp.ClientResponse, piece: _Piece, done: int, said: Said) -> None:
    total = done + (response.content_length or 0)
    with piece.part.open("r+b" if done else "wb") as out:
        out.seek(done)
        out.truncate()
        async for block in response.content.iter_chunked(BLOCK):
            await asyncio.to_thread(out.write, block)
            done += len(block)
            said(piece.name, done, total)
    if done < total:
        raise Broken("the connection ended before the file did")


def _promised(response: aiohttp.ClientResponse) -> tuple[str | None, str | None]:
    """(sha256 of the file, git's name of it) as the hub's headers have them, also those of a redirect to storage."""
    tags = [
        each.headers.get(name, "").removeprefix("W/").strip('"')
        for each in (*response.history, response)
        for name in ("X-Linked-ETag", "ETag")
    ]
    sha256 = next((tag for tag in tags if re.fullmatch(r"[0-9a-f]{64}", tag)), None)
    return sha256, next((tag for tag in tags if re.fullmatch(r"[0-9a-f]{40}", tag)), None)


def _verify(piece: _Piece, sha256: str | None, git: str | None) -> str:
    """Give the file its name if it is what it should be, else remove it. Raises Wrong."""
    found = digest(piece.part)
    wrong = found != sha256 if sha256 else git is not None and _git_name(piece.part) != git
    if wrong:
        piece.part.unlink()
        raise Wrong("its checksum is wrong")
    keep(piece.part, piece.target)
    return found


def _git_name(path: Path) -> str:
    name = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(BLOCK):
            name.update(block)
    return name.hexdigest()
