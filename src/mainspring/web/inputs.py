"""What a model takes and gives, said for people: rows of a table, and values to try it with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mainspring.core.schema import InputSchema, Schema

_REFERENCE = "#/components/schemas/"
_FORMATS = {"uri": "file", "password": "secret"}
_SAMPLES: Mapping[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "object": {}}
_PROMPT = "Tell me how a clock works"
_FILES = (
    (("audio", "speech", "voice", "sound", "song"), "audio.wav"),
    (("video", "clip", "movie"), "video.mp4"),
    (("image", "photo", "picture", "img", "mask"), "photo.jpg"),
)


@dataclass(frozen=True, slots=True)
class InputRow:
    """One input. default: as JSON, None when there is none; constraint: bounds such as 1–100, or ""."""

    name: str
    type: str
    required: bool
    default: str | None
    constraint: str
    choices: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class SampleFile:
    """Stands in an example for a file of the reader's own."""

    name: str


def input_rows(schema: InputSchema) -> list[InputRow]:
    """The inputs in the order of the model's signature."""
    return [_row(name, found, name in schema.required) for name, found in _ordered(schema)]


def example_input(schema: InputSchema) -> dict[str, Any]:
    """Values for the required inputs, or for the first one when none is; files as SampleFile."""
    ordered = list(_ordered(schema))
    shown = [(name, found) for name, found in ordered if name in schema.required] or ordered[:1]
    return {name: _sample(name, found) for name, found in shown}


def output_type(openapi: Schema) -> str:
    """The output's type in a few words: string, list of file, object, …"""
    schemas = openapi.get("components", {}).get("schemas", {})
    return type_name(_follow(schemas.get("Output", {}), schemas))


def type_name(schema: Schema) -> str:
    """string, file, secret, integer, list of …, a or b."""
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(type_name(one) for one in options if one.get("type") != "null"))
    kind = _kind(schema)
    if kind == "array":
        return f"list of {type_name(schema.get('items', {}))}"
    if kind == "string":
        return _FORMATS.get(str(schema.get("format")), "secret" if schema.get("x-cog-secret") else "string")
    return kind


def _follow(schema: Schema, schemas: Schema) -> Schema:
    """The schema behind one reference, and its items behind another."""
    for wrapper in ("allOf", "anyOf"):
        if len(schema.get(wrapper, ())) == 1:
            schema = schema[wrapper][0]
    if "$ref" in schema:
        schema = schemas.get(str(schema["$ref"]).removeprefix(_REFERENCE), {})
    if "items" in schema:
        return {**schema, "items": _follow(schema["items"], schemas)}
    return schema


def _ordered(schema: InputSchema) -> list[tuple[str, Schema]]:
    def place(item: tuple[str, Schema]) -> float:
        order = item[1].get("x-order")
        return order if isinstance(order, int) else float("inf")

    return sorted(schema.properties.items(), key=place)


def _kind(schema: Schema) -> str:
    kinds = schema.get("type", "any")
    named = [str(one) for one in ([kinds] if isinstance(kinds, str) else kinds) if one != "null"]
    return " or ".join(named) or "any"


def _row(name: str, schema: Schema, required: bool) -> InputRow:
    default = schema.get("default")
    hidden = type_name(schema).endswith("secret")
    return InputRow(
        name=name,
        type=type_name(schema),
        required=required,
        default=None if default is None or hidden else _json(default),
        constraint=", ".join(_constraints(schema)),
        choices=tuple(_json(one) for one in schema.get("enum", ()) if one is not None),
        description=str(schema.get("description") or ""),
    )


def _constraints(schema: Schema) -> Iterator[str]:
    yield from _range(schema.get("minimum"), schema.get("maximum"), "")
    yield from _range(schema.get("minLength"), schema.get("maxLength"), " characters")
    yield from _range(schema.get("minItems"), schema.get("maxItems"), " items")
    for key, sign in (("exclusiveMinimum", ">"), ("exclusiveMaximum", "<")):
        if key in schema:
            yield f"{sign} {_json(schema[key])}"
    if "pattern" in schema:
        yield f"matches {schema['pattern']}"


def _range(least: Any, most: Any, unit: str) -> Iterator[str]:
    if least is not None and most is not None:
        yield f"{_json(least)}–{_json(most)}{unit}"
    elif least is not None:
        yield f"≥ {_json(least)}{unit}"
    elif most is not None:
        yield f"≤ {_json(most)}{unit}"


def _sample(name: str, schema: Schema) -> Any:
    choices = [one for one in schema.get("enum", ()) if one is not None]
    for given in (schema.get("example"), *schema.get("examples", ()), schema.get("default"), *choices):
        if given is not None:
            return given
    kind = type_name(schema).split(" or ")[0]
    if kind.startswith("list of "):
        return [_sample(name, {**schema.get("items", {})})]
    if kind == "file":
        return SampleFile(_file_name(name.lower()))
    if kind == "secret":
        return "…"
    if kind in ("integer", "number"):
        return schema.get("minimum", _SAMPLES[kind])
    return _SAMPLES.get(kind, _PROMPT if "prompt" in name else "world")


def _file_name(name: str) -> str:
    return next((file for words, file in _FILES if any(word in name for word in words)), "input.bin")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
