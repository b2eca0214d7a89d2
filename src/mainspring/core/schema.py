"""What a version's OpenAPI schema says of its inputs and output, and whether an input fits it.

Faults are told in gojsonschema's vocabulary, because that is what Replicate's clients and their users know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from mainspring.core.errors import BundleError, InvalidField, InvalidInput

if TYPE_CHECKING:
    import jsonschema_rs

Schema = Mapping[str, Any]
_URI = re.compile(r"https?://[^\s/?#]|data:[^,]{0,1024},", re.IGNORECASE)
_REFERENCE = "#/components/schemas/"
_DEPTH = 16
_LAST = 1 << 30


class _Fault(Protocol):
    """What jsonschema_rs tells of one mismatch."""

    @property
    def instance_path(self) -> Sequence[str | int]: ...
    @property
    def instance(self) -> Any: ...
    @property
    def kind(self) -> Any: ...


_Told = tuple[str, InvalidField]


@dataclass(frozen=True, slots=True)
class InputSchema:
    """The inputs of one version. file_fields, secret_fields: inputs that are such, or lists of them."""

    properties: Mapping[str, Schema]
    required: frozenset[str]
    file_fields: frozenset[str]
    secret_fields: frozenset[str]
    _is_valid: Callable[[Any], bool]
    _faults: Callable[[Any], Iterable[_Fault]]

    @classmethod
    def compile(cls, openapi: Schema, name: str = "Input") -> InputSchema:
        """From the version's OpenAPI document; name: which of its schemas the input has to fit.

        Raises BundleError for a document that is no schema.
        """
        schemas = _schemas(openapi)
        found = schemas.get(name, {})
        properties = {key: _plain(value, schemas) for key, value in found.get("properties", {}).items()}
        required = frozenset(found.get("required", ()))
        root = {
            "type": "object",
            "properties": properties,
            "required": sorted(required),
            "additionalProperties": False,
        }
        validator = _validator(root)
        return cls(
            properties=properties,
            required=required,
            file_fields=frozenset(k for k, v in properties.items() if _any(v, _is_file)),
            secret_fields=frozenset(k for k, v in properties.items() if _any(v, _is_secret)),
            _is_valid=validator.is_valid,
            _faults=validator.iter_errors,
        )

    def validate(self, given: Any) -> dict[str, Any]:
        """The input without the nulls of optional inputs.

        Raises InvalidInput with every fault, in the order of the inputs.
        """
        if not isinstance(given, dict):
            raise InvalidInput([InvalidField("invalid_type", "input", _wrong_type(["object"], given))])
        cleaned = {k: v for k, v in given.items() if v is not None or not self._optional(k)}
        if not self._is_valid(cleaned):
            raise InvalidInput(self._sorted(told for fault in self._faults(cleaned) for told in _tell(fault)))
        if self.file_fields:
            given_files = [name for name in self.file_fields if name in cleaned]
            if bad := self._sorted(told for name in given_files for told in _bad_files(name, cleaned[name])):
                raise InvalidInput(bad)
        return cleaned

    def _optional(self, name: str) -> bool:
        return name in self.properties and name not in self.required

    def _sorted(self, told: Iterable[_Told]) -> list[InvalidField]:
        """By x-order. What else is wrong with a value of the wrong type doesn't matter."""
        faults = [fault for _, fault in sorted(told, key=lambda one: self._place(one[0]))]
        mistyped = {fault.field for fault in faults if fault.type == "invalid_type"}
        return [fault for fault in faults if fault.type == "invalid_type" or fault.field not in mistyped]

    def _place(self, name: str) -> int:
        order = self.properties.get(name, {}).get("x-order", _LAST - 1)
        return order if isinstance(order, int) and name in self.properties else _LAST


@dataclass(frozen=True, slots=True)
class OutputKind:
    """How a version gives its output.

    iterator: in pieces; concatenate: pieces are text to be joined; has_files: URLs of files are in it.
    """

    iterator: bool
    concatenate: bool
    has_files: bool

    @property
    def streams_files(self) -> bool:
        """Whether each piece is a file."""
        return self.iterator and self.has_files

    @classmethod
    def of(cls, openapi: Schema, name: str = "Output") -> OutputKind:
        """From the version's OpenAPI document."""
        schemas = _schemas(openapi)
        plain = _plain(schemas.get(name, {}), schemas)
        iterator = plain.get("x-cog-array-type") == "iterator"
        return cls(
            iterator=iterator,
            concatenate=iterator and plain.get("x-cog-array-display") == "concatenate",
            has_files=_any(plain, _is_file),
        )


def _validator(root: dict[str, Any]) -> jsonschema_rs.Draft7Validator:
    import jsonschema_rs

    try:
        return jsonschema_rs.Draft7Validator(root, validate_formats=False)
    except ValueError as error:
        if (simpler := _without_patterns(root)) != root:
            return _validator(simpler)
        raise BundleError(f"The input schema can't be used: {str(error).splitlines()[0]}") from error


def _without_patterns(root: dict[str, Any]) -> dict[str, Any]:
    """Python's regular expressions know more than JSON Schema's; those are left for Cog to check."""
    properties = {
        name: {k: v for k, v in schema.items() if k != "pattern"}
        for name, schema in root["properties"].items()
    }
    return {**root, "properties": properties}


def _schemas(openapi: Schema) -> Schema:
    found: Schema = openapi.get("components", {}).get("schemas", {})
    return found


def _plain(schema: Schema, schemas: Schema, depth: int = 0) -> dict[str, Any]:
    """The schema with references put in, `nullable` said as JSON Schema does, and no needless wrapping."""
    if depth > _DEPTH:
        return {}
    if (reference := schema.get("$ref")) is not None:
        target = schemas.get(str(reference).removeprefix(_REFERENCE), {})
        return _plain({**target, **{k: v for k, v in schema.items() if k != "$ref"}}, schemas, depth + 1)
    plain = {k: _inside(k, v, schemas, depth + 1) for k, v in schema.items()}
    for wrapper in ("allOf", "anyOf", "oneOf"):
        plain = _unwrap(plain, wrapper)
    return _nullable(plain) if plain.pop("nullable", False) is True else plain


def _inside(key: str, value: Any, schemas: Schema, depth: int) -> Any:
    if key in ("allOf", "anyOf", "oneOf") and isinstance(value, list):
        return [_plain(one, schemas, depth) for one in value]
    if key in ("items", "additionalProperties", "not") and isinstance(value, Mapping):
        return _plain(value, schemas, depth)
    if key == "properties" and isinstance(value, Mapping):
        return {name: _plain(one, schemas, depth) for name, one in value.items()}
    return value


def _unwrap(plain: dict[str, Any], wrapper: str) -> dict[str, Any]:
    choices = plain.get(wrapper)
    if not choices:
        return plain
    real = [one for one in choices if one.get("type") != "null"]
    if len(real) != 1:
        return plain
    rest = {k: v for k, v in plain.items() if k != wrapper}
    null = {"nullable": True} if len(real) < len(choices) else {}
    return {**real[0], **rest, **null}


def _nullable(plain: dict[str, Any]) -> dict[str, Any]:
    if isinstance(plain.get("enum"), list):
        plain = {**plain, "enum": [*plain["enum"], None]}
    if isinstance(plain.get("type"), str):
        plain = {**plain, "type": [plain["type"], "null"]}
    return plain


def _any(schema: Any, is_one: Callable[[Schema], bool]) -> bool:
    """Whether the schema or anything inside it is one."""
    if isinstance(schema, list):
        return any(_any(one, is_one) for one in schema)
    if not isinstance(schema, Mapping):
        return False
    if is_one(schema):
        return True
    inside = [schema.get(k) for k in ("items", "additionalProperties", "allOf", "anyOf", "oneOf")]
    return any(_any(one, is_one) for one in (*inside, *schema.get("properties", {}).values()))


def _is_file(schema: Schema) -> bool:
    return schema.get("format") == "uri"


def _is_secret(schema: Schema) -> bool:
    return schema.get("x-cog-secret") is True or schema.get("format") == "password"


def _bad_files(name: str, value: Any) -> Iterator[_Told]:
    """Files are given by URL: what model code gets must never be a path on this machine."""
    several = isinstance(value, list)
    for place, one in enumerate(value if several else [value]):
        if isinstance(one, str) and not _URI.match(one):
            where = f"input.{name}.{place}" if several else f"input.{name}"
            yield name, InvalidField("format", where, "Does not match format 'uri'")


def _tell(fault: _Fault) -> Iterator[_Told]:
    """The fault in gojsonschema's words."""
    kind, path = fault.kind, [str(step) for step in fault.instance_path]
    field = ".".join(["input", *path])
    first = path[0] if path else ""
    if kind.name == "required":
        yield first or kind.property, InvalidField("required", field, f"{kind.property} is required")
    elif kind.name == "additionalProperties":
        for extra in kind.unexpected:
            sentence = f"Additional property {extra} is not allowed"
            yield first, InvalidField("additional_property_not_allowed", field if path else "", sentence)
    elif kind.name == "enum":
        allowed = ", ".join(_json(one) for one in kind.options if one is not None)
        yield first, InvalidField("enum", field, f"{_called(path)} must be one of the following: {allowed}")
    elif kind.name == "type":
        yield first, InvalidField("invalid_type", field, _wrong_type(kind.types, fault.instance))
    else:
        word, sentence = _SENTENCES.get(kind.name, (kind.name, "Does not match the schema"))
        yield first, InvalidField(word, field, sentence.format(_bound(kind)))


def _called(path: list[str]) -> str:
    """What people call the value at path: its name, with its place when it is in a list."""
    return ".".join(path[-2:] if path[-1].isdigit() else path[-1:]) if path else "input"


def _bound(kind: Any) -> str:
    value = kind.as_dict().get(_BOUNDS.get(kind.name, "limit"))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_BOUNDS = {"pattern": "pattern", "multipleOf": "multiple_of", "const": "expected_value"}
_SENTENCES = {
    "minimum": ("number_gte", "Must be greater than or equal to {}"),
    "exclusiveMinimum": ("number_gt", "Must be greater than {}"),
    "maximum": ("number_lte", "Must be less than or equal to {}"),
    "exclusiveMaximum": ("number_lt", "Must be less than {}"),
    "multipleOf": ("multiple_of", "Must be a multiple of {}"),
    "minLength": ("string_gte", "String length must be greater than or equal to {}"),
    "maxLength": ("string_lte", "String length must be less than or equal to {}"),
    "pattern": ("pattern", "Does not match pattern '{}'"),
    "minItems": ("array_min_items", "Array must have at least {} items"),
    "maxItems": ("array_max_items", "Array must have at most {} items"),
    "uniqueItems": ("unique", "array items must be unique"),
    "minProperties": ("array_min_properties", "Must have at least {} properties"),
    "maxProperties": ("array_max_properties", "Must have at most {} properties"),
    "anyOf": ("number_any_of", "Must validate at least one schema (anyOf)"),
    "oneOf": ("number_one_of", "Must validate one and only one schema (oneOf)"),
    "not": ("number_not", "Must not validate the schema (not)"),
    "const": ("const", "Does not match: {}"),
}


def _wrong_type(expected: Sequence[str], given: Any) -> str:
    wanted = [one for one in expected if one != "null"] or ["null"]
    text = wanted[0] if len(wanted) == 1 else f"[{','.join(wanted)}]"
    return f"Invalid type. Expected: {text}, given: {_type_name(given)}"


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    names = {str: "string", int: "integer", list: "array", dict: "object"}
    return names.get(type(value), "object")
