"""What a model takes and gives, said for people: rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from mainspring.core.schema import InputSchema, Schema

_REFERENCE = "#/components/schemas/"
_DEPTH = 8
_FORMATS = {"uri": "file", "password": "secret"}


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


def input_rows(schema: InputSchema) -> list[InputRow]:
    """The inputs in the order of the model's signature."""
    return [_row(name, found, name in schema.required) for name, found in _ordered(schema)]


def output_schema(openapi: Schema) -> Schema:
    """The output's schema with its references put in."""
    schemas = openapi.get("components", {}).get("schemas", {})
    return _follow(schemas.get("Output", {}), schemas)


def output_rows(openapi: Schema) -> list[InputRow]:
    """The fields of an output that is an object; none for other outputs."""
    schema = output_schema(openapi)
    fields, needed = schema.get("properties", {}), schema.get("required", ())
    return [_row(name, found, name in needed) for name, found in fields.items()]


def output_type(openapi: Schema) -> str:
    """The output's type in a few words: string, list of file, object, …"""
    return type_name(output_schema(openapi))


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


def _follow(schema: Schema, schemas: Schema, depth: int = 0) -> Schema:
    """The schema with the references in it, in its items and in its fields put in."""
    if depth > _DEPTH:
        return {}
    for wrapper in ("allOf", "anyOf"):
        if len(schema.get(wrapper, ())) == 1:
            schema = schema[wrapper][0]
    if "$ref" in schema:
        schema = schemas.get(str(schema["$ref"]).removeprefix(_REFERENCE), {})
    found = dict(schema)
    if "items" in schema:
        found["items"] = _follow(schema["items"], schemas, depth + 1)
    if "properties" in schema:
        fields = schema["properties"].items()
        found["properties"] = {name: _follow(one, schemas, depth + 1) for name, one in fields}
    return found


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


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
