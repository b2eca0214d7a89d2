"""An uploaded form in the dialects that the official clients speak."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request

from mainspring.api.delivery import media_type
from mainspring.api.multipart import Part, read_parts
from mainspring.core.errors import InvalidField, InvalidInput, InvalidRequest
from mainspring.core.media import sniff, suffix_of
from mainspring.objects import Objects, Stored

_FIELD_BYTES = 1 << 20
_LONGEST_NAME = 255
_HEAD = 16
_UNKNOWN = "application/octet-stream"
_BRACKETED = re.compile(r"metadata((?:\[[^\[\]]{1,100}\]){1,8})")
_MADE_UP = re.compile(r"(?:upload|file|blob|buffer)(?:_\d+)?")
_KEY = re.compile(r"\[([^\[\]]+)\]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file whose bytes are stored, with what the form says of it."""

    stored: Stored
    name: str
    content_type: str
    metadata: dict[str, Any]


@dataclass(slots=True)
class _Form:
    """What has been read so far."""

    stored: Stored | None = None
    head: bytes = b""
    part_name: str | None = None
    part_type: str | None = None
    filename: str | None = None
    type: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    async def watch(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks, while their first bytes are kept."""
        async for chunk in chunks:
            if len(self.head) < _HEAD:
                self.head += chunk[: _HEAD - len(self.head)]
            yield chunk

    def say(self, name: str, text: str) -> None:
        """Take a field that is not the content. Fields that nobody knows are left alone."""
        if name == "filename":
            self.filename = text
        elif name == "type":
            self.type = text
        elif name == "metadata":
            self.metadata |= _object(text)
        elif found := _BRACKETED.fullmatch(name):
            _put(self.metadata, _KEY.findall(found[1]), text)

    def kind(self) -> str:
        """The media type: as told, or as the bytes or the name betray it."""
        for told in (self.type, self.part_type):
            if told and media_type(told) != _UNKNOWN:
                return told
        guessed = mimetypes.guess_type(self.filename or self.part_name or "")[0]
        return sniff(self.head) or guessed or _UNKNOWN

    def called(self, kind: str) -> str:
        """The file's name; one that a client made up gets a suffix, because models look at it."""
        if self.filename:
            return _checked(self.filename)
        name = _checked(self.part_name or "file")
        return name + suffix_of(kind) if _MADE_UP.fullmatch(name) else name


async def receive(request: Request, objects: Objects, key: str, limit: int) -> Upload:
    """Store the form's `content` under key as it arrives.

    Raises InvalidRequest or InvalidInput for a form that can't be used, TooLarge past limit bytes of content;
    nothing is stored then.
    """
    form = _Form()
    try:
        async for part in read_parts(request):
            if part.name == "content":
                await _store(form, part, objects, key, limit)
            else:
                form.say(part.name, await part.text(_FIELD_BYTES))
        if form.stored is None:
            raise InvalidInput([InvalidField("required", "", "content is required")])
        kind = form.kind()
        return Upload(form.stored, form.called(kind), kind, form.metadata)
    except BaseException:
        if form.stored is not None:
            await objects.delete(key)
        raise


async def _store(form: _Form, part: Part, objects: Objects, key: str, limit: int) -> None:
    if form.stored is not None:
        raise InvalidRequest("A form uploads one file: it has content twice")
    form.part_name, form.part_type = part.filename, part.content_type
    kind = media_type(part.content_type or "")
    form.stored = await objects.put(key, form.watch(part.chunks()), kind, limit)


def _object(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError as error:
        raise InvalidRequest("metadata is not valid JSON") from error
    if not isinstance(found, dict):
        raise InvalidRequest("metadata must be a JSON object")
    return found


def _put(metadata: dict[str, Any], path: list[str], text: str) -> None:
    """Set metadata[a][b] = text."""
    *outer, last = path
    for step in outer:
        inside = metadata.setdefault(step, {})
        if not isinstance(inside, dict):
            raise InvalidRequest("metadata names a value and values inside it")
        metadata = inside
    metadata[last] = text


def _checked(name: str) -> str:
    """The last step of a file name. Raises InvalidRequest for one that can't be."""
    bare = re.split(r"[/\\]", name)[-1]
    if len(bare.encode(errors="replace")) > _LONGEST_NAME:
        raise InvalidRequest(f"filename must be at most {_LONGEST_NAME} bytes")
    if bare in ("", ".", "..") or not bare.isprintable():
        raise InvalidRequest("filename can't be used")
    return bare
