"""Reading a model's schema: which inputs there are, what values they take, and which outputs are files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InputField:
    """One input of a model; kind: text, file, secret, integer, number, boolean, list, object or any."""

    name: str
    kind: str
    schema: Schema
    required: bool
    nullable: bool

    @property
    def choices(self) -> list[Any]:
        """The values it may have, when they are listed."""
        return list(self.schema.get("enum") or ())

    @property
    def words(self) -> str:
        """Its kind, choices and bounds in a few words."""
        parts = [f"{kind_of(self.schema.get('items', {}))} list" if self.kind == "list" else self.kind]
        parts += [f"one of {', '.join(map(str, self.choices))}"] if self.choices else []
        for key, sign in (("minimum", "≥"), ("maximum", "≤")):
            parts += [f"{sign} {self.schema[key]}"] if key in self.schema else []
        return ", ".join(parts)


class ModelSchema:
    """The OpenAPI document of a version, or {} when there is none. kind: "Training" for what trains it."""

    def __init__(self, document: Schema | None, kind: str = "") -> None:
        self._schemas: Schema = (document or {}).get("components", {}).get("schemas", {})
        self._name = f"{kind}Input"
        self.known = self._name in self._schemas
        self.output: Schema = self.resolve(self._schemas.get(f"{kind}Output", {}))

    def inputs(self) -> dict[str, InputField]:
        """The inputs in the order of the model's signature."""
        schema = self._schemas.get(self._name, {})
        required = schema.get("required", ())
        properties = sorted(schema.get("properties", {}).items(), key=lambda p: p[1].get("x-order", 0))
        return {name: self._field(name, found, name in required) for name, found in properties}

    def streams_text(self) -> bool:
        """Whether the output is pieces of one text."""
        return self.output.get("x-cog-array-display") == "concatenate"

    def resolve(self, schema: Any) -> Schema:
        """`schema` with its reference, single allOf or optional union followed to what it stands for."""
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" in schema:
            return self.resolve(self._schemas.get(str(schema["$ref"]).rsplit("/", 1)[-1]))
        options = [s for s in schema.get("anyOf", ()) if s.get("type") != "null"] or schema.get("allOf", ())
        if len(options) == 1:
            return {
                **{k: v for k, v in schema.items() if k not in ("anyOf", "allOf")},
                **self.resolve(options[0]),
            }
        return schema

    def _field(self, name: str, found: Schema, required: bool) -> InputField:
        schema = self.resolve(found)
        nullable = bool(found.get("nullable")) or {"type": "null"} in found.get("anyOf", ())
        if "items" in schema:
            schema = {**schema, "items": self.resolve(schema["items"])}
        return InputField(name, kind_of(schema), schema, required, nullable)


def kind_of(schema: Schema) -> str:
    """What kind of value `schema` takes, in one word."""
    kinds = {
        "integer": "integer",
        "number": "number",
        "boolean": "boolean",
        "array": "list",
        "object": "object",
    }
    if schema.get("type") != "string":
        return kinds.get(str(schema.get("type")), "any")
    return {"uri": "file", "password": "secret"}.get(str(schema.get("format")), "text")


def example_input(fields: Mapping[str, InputField]) -> dict[str, Any]:
    """Values for the required inputs, to show in an example; files are named photo.jpg and the like."""
    samples = {"file": "@input-file", "integer": 1, "number": 1.0, "boolean": True, "list": [], "object": {}}
    found = {}
    for name, field in fields.items():
        if field.required:
            found[name] = field.choices[0] if field.choices else samples.get(field.kind, "...")
    return found


def shown_value(value: Any) -> str:
    """A value as `-i name=value` takes it."""
    return value if isinstance(value, str) else json.dumps(value)
