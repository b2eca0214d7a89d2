"""What a model is handed: secrets unsealed, files brought next to it, nothing fetched that must not be."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from mainspring.core.errors import MainspringError
from mainspring.core.ids import new_capability, rfc3339
from mainspring.core.marks import INPUT
from mainspring.core.prediction import Prediction
from mainspring.objects import Objects
from mainspring.records.files import Files
from mainspring.records.vault import Vault

_SECRET_LENGTH = 4
_OWN_FILE = re.compile(r"^https?://[^/]+(?:/v1)*/files/([A-Za-z0-9_=-]+)(?:/download)?/?(?:\?.*)?$")
_OWN_OUTPUT = re.compile(r"^https?://[^/]+/(outputs/[0-9a-z]{26}/[a-z2-7]{52}/[^/?#]+)$")
Fetch = Callable[[str, Path], Awaitable[str]]


class InputError(MainspringError):
    """An input could not be brought to the model."""


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file that lies here: its key in the object store, a safe name for it, and the digest of its bytes, in hex."""

    key: str
    name: str
    sha256: str


class Inputs:
    """Prepares the input of claimed predictions."""

    def __init__(
        self, vault: Vault, files: Files, objects: Objects, fetch: Fetch, now: Callable[[], datetime]
    ) -> None:
        self._vault = vault
        self._files = files
        self._objects = objects
        self._fetch = fetch
        self._now = now

    async def prepare(self, prediction: Prediction, file_fields: frozenset[str], inbox: Path) -> bytes:
        """The body of Cog's request. Files land in inbox/<id>/. Raises InputError, in words for the caller."""
        if prediction.secrets is None and not (file_fields and "://" in prediction.input):
            return f'{{"id":"{prediction.id}","input":{prediction.input}}}'.encode()
        values: dict[str, Any] = json.loads(prediction.input)
        if prediction.secrets is not None:
            values |= json.loads(self._vault.open(prediction.secrets, prediction.id))
        folder = inbox / prediction.id
        for name in file_fields & values.keys():
            values[name] = await self._local(values[name], prediction.account, folder)
        return json.dumps({"id": prediction.id, "input": values}).encode()

    def secrets(self, prediction: Prediction) -> tuple[str, ...]:
        """The secret texts of a prediction, to be kept out of what is written down."""
        values = json.loads(self._vault.open(prediction.secrets or "", prediction.id)).values()
        flat = [v for value in values for v in (value if isinstance(value, list) else [value])]
        return tuple(v for v in flat if isinstance(v, str) and len(v) >= _SECRET_LENGTH)

    async def _local(self, value: Any, account: str, folder: Path) -> Any:
        if isinstance(value, list):
            return [await self._local(item, account, folder) for item in value]
        if not isinstance(value, str) or not value.startswith(("http://", "https://")):
            return value
        target = folder / new_capability()[:12]
        await asyncio.to_thread(target.mkdir, parents=True)
        own = await find_own(value, account, self._files, self._objects, self._now())
        if own is not None:
            name = own.name
            await asyncio.to_thread(shutil.copyfile, self._objects.path(own.key), target / name)
        else:
            name = await self._fetch(value, target / _safe(unquote(urlsplit(value).path.rpartition("/")[2])))
        return INPUT + quote(str(target / name))


async def find_own(url: str, account: str, files: Files, objects: Objects, now: datetime) -> OwnFile | None:
    """The file that a URL names, if that is an upload of the account or an output of this platform."""
    if found := _OWN_FILE.match(url):
        file = await files.get(found[1])
        if file is not None and file.account == account and file.expires_at > rfc3339(now):
            return OwnFile(file.key, _safe(file.name), file.sha256)
    if found := _OWN_OUTPUT.match(url):
        stored = await objects.stat(unquote(found[1]))
        if stored is not None:
            return OwnFile(stored.key, _safe(stored.key.rpartition("/")[2]), stored.sha256)
    return None


def _safe(name: str) -> str:
    """A file name that is only a name, of at most 200 bytes, with its suffix."""
    name = re.sub(r"[\x00-\x1f/\\]", "_", name).strip(". ") or "file"
    stem, dot, suffix = name.rpartition(".")
    suffix = suffix.encode()[:20].decode(errors="ignore")
    stem = (stem if dot else suffix).encode()[:170].decode(errors="ignore")
    return f"{stem}.{suffix}" if dot and suffix else stem
