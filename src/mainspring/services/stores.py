"""Brings weights from an object store: listed, loaded once, verified, resumed where an earlier attempt stopped."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mainspring.services.downloads import (
    BLOCK,
    PARTIAL,
    Broken,
    HubError,
    Progress,
    Wrong,
    digest,
    keep,
    persist,
    seal,
    size_of,
)
from mainspring.services.tags import matches

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_AT_ONCE = 4
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_ROLES = "://169.254.169.254"
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for a store that is not Amazon's, "
    "AWS_ENDPOINT_URL; AWS_SKIP_SIGNATURE=true for a public bucket",
    "gcs": "GOOGLE_APPLICATION_CREDENTIALS; GOOGLE_SKIP_SIGNATURE=true for a public bucket",
    "azure": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A prefix in an object store. kind: s3, gcs or azure."""

    url: str
    kind: str

    @property
    def called(self) -> str:
        """Its last step: what weights there are called."""
        return _last_step(self.url)


@dataclass(frozen=True, slots=True)
class _Object:
    """name: relative to the prefix; size in bytes; tag: ETag, or when it was written where the store has none."""

    name: str
    size: int
    tag: str | None
    written: str


@dataclass(slots=True)
class _Load:
    """One object on its way. wrong: sha256 of what came and did not go with the ETag."""

    found: _Object
    target: Path
    part: Path
    wrong: str | None = None


def stem_of(url: str) -> str:
    """How directories with what was loaded from a place begin."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", _last_step(url)).strip("-.")[:60]
    return f"store-{plain}-{hashlib.sha256(url.encode()).hexdigest()[:8]}-"


def parse_place(url: str) -> Place:
    """The place that a URL names. Raises HubError for what is no object store, or holds more than a place."""
    import obstore

    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise HubError(f"That is no URL: {error}.") from error
    container = parts.scheme in ("abfs", "abfss") and ":" not in parts.netloc
    if parts.query or parts.fragment or ("@" in parts.netloc and not container):
        raise HubError(
            "A store is named by its place alone, like s3://bucket/prefix. Credentials come from the environment of "
            "the server."
        )
    try:
        kind = str(obstore.parse_scheme(url))
    except obstore.exceptions.BaseError:
        kind = "unknown"
    if kind not in _CREDENTIALS:
        raise HubError(
            f"{parts.scheme}:// is no object store that is known here. Name s3://bucket/prefix, gs://bucket/prefix, "
            "az://container/prefix, file:///directory, or a directory of the server's machine."
        )
    return Place(url.rstrip("/"), kind)


class Stores:
    """Keeps what was loaded in directories under root, each whole or not there.

    What is elsewhere in the store at the next time, by names, sizes or ETags, is another directory. Credentials are
    those of the standard environment variables. pause_s: before the second attempt.
    """

    def __init__(self, root: Path, pause_s: float = 1.0) -> None:
        self._root = root
        self._pause_s = pause_s
        self._locks: dict[str, asyncio.Lock] = {}

    async def fetch(self, place: Place, told: Progress) -> Path:
        """The directory with all that lies under the place, loaded unless it is there.

        Raises HubError. What was loaded by then is kept, and the next attempt goes on from there.
        """
        store = _open(place)
        found = await _list(store, place)
        name = f"{stem_of(place.url)}{_fingerprint(found)}"
        async with self._locks.setdefault(stem_of(place.url), asyncio.Lock()):
            done = self._root / name
            if not done.is_dir():
                draft = self._root / f"{PARTIAL}{name}"
                await asyncio.to_thread(self._make_room, place, draft, found)
                told.line(f"Weights: {_amount(found)} from {place.url}")
                await self._fill(store, place, found, draft, told)
                draft.rename(done)
            return done

    def _make_room(self, place: Place, draft: Path, found: list[_Object]) -> None:
        """Remove parts of what is there no more, and see that the rest has room. Raises HubError."""
        draft.mkdir(parents=True, exist_ok=True)
        for other in self._root.glob(f"{PARTIAL}{stem_of(place.url)}*"):
            if other != draft:
                shutil.rmtree(other, ignore_errors=True)
        here = sum(each.stat().st_size for each in draft.rglob("*") if each.is_file())
        needed, free = sum(each.size for each in found) - here, shutil.disk_usage(self._root).free
        if needed > free:
            raise HubError(
                f"{place.url} takes {needed / 1e9:.1f} GB of disk, and {free / 1e9:.1f} GB are free."
            )

    async def _fill(
        self, store: ObjectStore, place: Place, found: list[_Object], draft: Path, told: Progress
    ) -> None:
        few = asyncio.Semaphore(_AT_ONCE)
        sums: dict[str, str] = {}

        async def have(each: _Object) -> None:
            target = draft / each.name
            load = _Load(each, target, target.with_name(f"{target.name}.part"))
            async with few:
                sums[each.name] = await self._have(store, place, load, told)

        try:
            async with asyncio.TaskGroup() as group:
                for each in found:
                    group.create_task(have(each))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        files = {
            each.name: {"size": each.size, "etag": each.tag, "sha256": sums[each.name]} for each in found
        }
        await asyncio.to_thread(seal, draft, sums, {"store": place.url, "files": files})

    async def _have(self, store: ObjectStore, place: Place, load: _Load, told: Progress) -> str:
        """The file's sha256, once it is there."""
        if load.target.is_file():
            return await asyncio.to_thread(digest, load.target)
        load.part.parent.mkdir(parents=True, exist_ok=True)

        async def attempt() -> str:
            await _load(store, place, load, told)
            return await asyncio.to_thread(_verify, load, told)

        return await persist(f"{load.found.name} of {place.url}", load.part, attempt, self._pause_s)


def _last_step(url: str) -> str:
    parts = urlsplit(url)
    return [parts.netloc.rpartition("@")[0] or parts.netloc, *filter(None, parts.path.split("/"))][-1]


def _open(place: Place) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    options: dict[str, Any] = {"connect_timeout": "20s", "read_timeout": "60s", "timeout": "7d"}
    if any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS):
        options["allow_http"] = True
    retry: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
    try:
        return from_url(place.url, client_options=options, retry_config=retry)  # type: ignore[call-overload,no-any-return]
    except (BaseError, ValueError) as error:
        raise _refusal(place, error) from error


async def _list(store: ObjectStore, place: Place) -> list[_Object]:
    """What lies under the prefix but for what is hidden, by name. Raises HubError, also when that is nothing."""
    import obstore
    from obstore.exceptions import BaseError

    found = []
    try:
        async for batch in obstore.list(store):
            for meta in batch:
                tag = meta["e_tag"]
                found.append(_Object(meta["path"], meta["size"], tag, meta["last_modified"].isoformat()))
    except (BaseError, OSError) as error:
        raise _refusal(place, error) from error
    folders = {name.rpartition("/")[0] for each in found for name in _above(each.name)}
    kept = [each for each in found if _is_file(each) and not (each.size == 0 and each.name in folders)]
    if not kept:
        raise HubError(f"There is nothing under {place.url}. Name the prefix that the weights lie under.")
    return sorted(kept, key=lambda each: each.name)


def _above(name: str) -> list[str]:
    """The name, and those of the folders that it lies in."""
    steps = name.split("/")
    return ["/".join(steps[: count + 1]) for count in range(len(steps))]


def _is_file(found: _Object) -> bool:
    """Whether its name can be that of a file here; hidden ones are nobody's weights."""
    steps = found.name.split("/")
    return all(steps) and not any(step.startswith(".") or "\0" in step or "\\" in step for step in steps)


async def _load(store: ObjectStore, place: Place, load: _Load, told: Progress) -> None:
    """Let the part grow to the object's size. Raises Broken when it ends before, HubError when that is no use."""
    import obstore
    from obstore import exceptions

    done, found = size_of(load.part), load.found
    if done > found.size:
        load.part.unlink()
        done = 0
    with load.part.open("ab") as out:
        if done == found.size:
            return
        options: Any = {"range": {"offset": done}} | ({"if_match": found.tag} if found.tag else {})
        try:
            result = await obstore.get_async(store, found.name, options=options)
            async for block in result.stream(min_chunk_size=BLOCK):
                await asyncio.to_thread(out.write, block)
                done += len(block)
                told.bytes(found.name, min(done, found.size), found.size)
        except (exceptions.PreconditionError, FileNotFoundError) as error:
            raise HubError(
                f"{found.name} of {place.url} was changed meanwhile. Add the model again."
            ) from error
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise _refusal(place, error) from error
        except exceptions.BaseError as error:
            raise Broken(_told(error)) from error
    if done != found.size:
        raise Broken("the connection ended before the file did")


def _verify(load: _Load, told: Progress) -> str:
    """Give the file its name if it is what its ETag says; its sha256. Raises Wrong, and removes it.

    A store that encrypts with keys of its own has ETags that look like MD5 and are not: what comes twice alike is
    what lies there.
    """
    found = digest(load.part)
    if matches(load.part, load.found.tag) is False and load.wrong != found:
        load.wrong = found
        load.part.unlink()
        raise Wrong("it does not go with its ETag")
    if load.wrong == found:
        told.line(f"{load.found.name}: its ETag is no checksum of it; it came twice alike, and is taken.")
    keep(load.part, load.target)
    return found


def _fingerprint(found: list[_Object]) -> str:
    facts = "\n".join(f"{each.name}\0{each.size}\0{each.tag or each.written}" for each in found)
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def _amount(found: list[_Object]) -> str:
    size = sum(each.size for each in found)
    told = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
    return f"{len(found)} files, {told}," if len(found) > 1 else f"one file, {told},"


def _refusal(place: Place, error: Exception) -> HubError:
    return HubError(
        f"{place.url} can't be read: {_told(error)}\nThe server takes its credentials from its environment: "
        f"{_CREDENTIALS[place.kind]}."
    )


def _told(error: Exception) -> str:
    """What a store says, without the queries of its URLs, which may be signed."""
    text = str(error).partition("\n\nDebug source")[0]
    if _ROLES in text:
        return "no credentials were found, and this machine has no role that gives any."
    if said := re.search(r"<Message>(.*?)</Message>", text, re.DOTALL):
        return said[1].strip()[:300]
    return re.sub(r"\?[^\s\"')]*", "", text.partition("\n")[0])[:300]
