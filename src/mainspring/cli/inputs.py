"""From `-i name=value` on the command line to the input of a prediction."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mainspring.cli.client import Client, Refused
from mainspring.cli.schema import InputField, ModelSchema, Schema, kind_of
from mainspring.cli.terminal import CliError

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


async def read_inputs(client: Client, schema: ModelSchema, given: Sequence[str]) -> dict[str, Any]:
    """The input that `given` ("name=value" each) describes; `@file` is uploaded where a file is wanted.

    A name given again adds to a list. Raises CliError, before anything is uploaded when a value does not fit.
    """
    fields = schema.inputs()
    found: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals:
            raise CliError(f"-i {pair}: an input is written name=value.")
        if schema.known and name not in fields:
            raise CliError(f"The model has no input {name!r}.", describe(fields))
        value = _value(fields.get(name), name, text)
        found[name] = [*found[name], *value] if isinstance(value, list) and name in found else value
    return {name: await _with_files(client, value) for name, value in found.items()}


def describe(fields: dict[str, InputField]) -> str:
    """The inputs of a model, one a line."""
    if not fields:
        return "It takes no input."
    lines = [f"{f.name}: {f.words}{' (required)' if f.required else ''}" for f in fields.values()]
    return "Its inputs:\n" + "\n".join(f"  {line}" for line in lines)


class _Upload:
    """A file that is still to be sent."""

    def __init__(self, name: str, path: str) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise CliError(f"{name}: there is no file {path!r}.")


def _value(field: InputField | None, name: str, text: str) -> Any:
    if field is None:
        return _guess(name, text)
    if text == "null" and field.nullable and field.kind not in ("text", "secret"):
        return None
    if field.kind == "list" and not text.startswith("["):
        return [_one(field.schema.get("items", {}), name, text)]
    return _one(field.schema, name, text)


def _one(schema: Schema, name: str, text: str) -> Any:
    kind = kind_of(schema)
    if kind == "any":
        return _guess(name, text)
    if kind == "file" and text.startswith("@"):
        return _Upload(name, text[1:])
    if kind in ("text", "secret", "file"):
        return text
    try:
        value = _PARSERS[kind](text)
    except ValueError:
        raise CliError(f"{name} must be {_NOUNS[kind]}, not {text!r}.") from None
    if schema.get("enum") and value not in schema["enum"]:
        raise CliError(f"{name} must be one of {', '.join(map(str, schema['enum']))}, not {text!r}.")
    return value


def _guess(name: str, text: str) -> Any:
    if text.startswith("@"):
        return _Upload(name, text[1:])
    try:
        return json.loads(text)
    except ValueError:
        return text


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError(text)
    return text.lower() in _TRUE


def _json(kind: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return parse


_PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "boolean": _boolean,
    "list": _json(list),
    "object": _json(dict),
}
_NOUNS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a JSON list or one item",
    "object": "a JSON object",
}


async def _with_files(client: Client, value: Any) -> Any:
    if isinstance(value, list):
        return [await _with_files(client, item) for item in value]
    return await _upload(client, value.path) if isinstance(value, _Upload) else value


async def _upload(client: Client, path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    try:
        with path.open("rb") as stream:
            made = await client.call("POST", "/v1/files", files={"content": (path.name, stream, kind)})
    except OSError as error:
        raise CliError(f"{path} can't be read: {error.strerror}.") from None
    except Refused as error:
        hint = "A smaller file, or its URL instead of @file, may do." if error.status == 413 else error.hint
        raise CliError(f"{path} could not be uploaded: {error}", hint) from None
    return str(made["urls"]["get"])
