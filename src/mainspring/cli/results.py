"""What a prediction gave: files are saved, the rest is printed."""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from mainspring.cli.client import Client
from mainspring.cli.schema import ModelSchema, Schema
from mainspring.cli.state import LOOPBACK
from mainspring.cli.terminal import CliError, tell

_COMMON = {"image/jpeg": ".jpg", "audio/mpeg": ".mp3", "audio/x-wav": ".wav", "text/plain": ".txt"}


async def save_files(client: Client, schema: ModelSchema, output: Any, directory: Path) -> Any:
    """`output` with each file that it names saved into `directory`, and the path in its place.

    A file is a URL of this server, or a data URI, where the schema says so or says nothing. Existing files are kept.
    """
    return await _Saving(client, schema, directory).saved(output, schema.output)


def as_text(output: Any, schema: ModelSchema) -> str:
    """`output` for the terminal: a text as it is, a list of texts or files a line each, all else JSON."""
    if isinstance(output, str):
        return output
    if isinstance(output, list) and all(isinstance(item, str | Path) for item in output):
        return ("" if schema.streams_text() else "\n").join(map(str, output))
    return (
        str(output)
        if isinstance(output, Path)
        else json.dumps(output, indent=2, ensure_ascii=False, default=str)
    )


class _Saving:
    def __init__(self, client: Client, schema: ModelSchema, directory: Path) -> None:
        self._client, self._schema, self._directory = client, schema, directory

    async def saved(self, value: Any, schema: Any) -> Any:
        found = self._schema.resolve(schema)
        if isinstance(value, list):
            return [await self.saved(item, found.get("items", {})) for item in value]
        if isinstance(value, dict):
            inner = found.get("properties", {})
            return {
                k: await self.saved(v, inner.get(k, found.get("additionalProperties")))
                for k, v in value.items()
            }
        return await self._file(value) if isinstance(value, str) and self._is_file(value, found) else value

    def _is_file(self, value: str, schema: Schema) -> bool:
        wanted = schema.get("format") == "uri" or "type" not in schema
        if not wanted or not value.startswith(("data:", "http://", "https://")):
            return False
        if value.startswith("data:") or _same_host(value, self._client.target.url):
            return True
        tell(f"{value} is not on this server: not saved.")
        return False

    async def _file(self, url: str) -> Path:
        if url.startswith("data:"):
            kind, content = _decode(url)
            path, handle = _reserve(self._directory, f"output{_extension(kind)}")
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            return path
        async with self._client.open_url(url) as response:
            kind = response.headers.get("content-type", "").split(";")[0]
            path, handle = _reserve(self._directory, _file_name(url, kind))
            try:
                with os.fdopen(handle, "wb") as stream:
                    async for block in response.aiter_bytes():
                        stream.write(block)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        return path


def _same_host(one: str, other: str) -> bool:
    hosts = {urlsplit(url).hostname for url in (one, other)}
    return len(hosts) == 1 or hosts <= LOOPBACK


def _decode(uri: str) -> tuple[str, bytes]:
    head, _, body = uri.removeprefix("data:").partition(",")
    kind, *extras = head.split(";")
    try:
        return kind, base64.b64decode(body) if "base64" in extras else unquote_to_bytes(body)
    except binascii.Error:
        raise CliError("The output holds a data URI that can't be decoded.") from None


def _file_name(url: str, kind: str) -> str:
    last = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    name = re.sub(r"[^\w.-]+", "_", last).lstrip(".-")[-100:] or "output"
    return name if Path(name).suffix else name + _extension(kind)


def _extension(kind: str) -> str:
    return _COMMON.get(kind) or mimetypes.guess_extension(kind) or ""


def _reserve(directory: Path, name: str) -> tuple[Path, int]:
    stem, suffix = Path(name).stem, Path(name).suffix
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for number in range(10_000):
            path = directory / (f"{stem}-{number}{suffix}" if number else name)
            try:
                return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                continue
    except OSError as error:
        raise CliError(
            f"{directory} can't be written: {error.strerror}.", "Choose another with -o DIR."
        ) from None
    raise CliError(f"{directory} is full of files named {name}.", "Choose another with -o DIR.")
