"""What a predictor returns as a JSON schema, in the shape that Cog prints."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import enum
import inspect
import sys
import typing
from typing import Any

_inputs: Any = sys.modules["_mainspring_inputs"]
Schema = dict[str, Any]

_ITERATORS = {
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
}
_LISTS = {list, set, frozenset, tuple, collections.abc.Sequence}


def describe(hint: Any) -> Schema:
    """The Output schema of a return annotation. Raises SignatureError."""
    return {"title": "Output", **_schema(hint, ())}


def _schema(hint: Any, seen: tuple[Any, ...]) -> Schema:
    inner, nullable = _inputs.bare(hint)
    if inner is None or inner is type(None):
        return {"nullable": True}
    found = _plain(inner, seen)
    return {**found, "nullable": True} if nullable else found


def _plain(hint: Any, seen: tuple[Any, ...]) -> Schema:
    import cog

    origin, args = typing.get_origin(hint), typing.get_args(hint)
    kind = origin or hint
    if kind in (cog.ConcatenateIterator, cog.AsyncConcatenateIterator):
        if args not in ((), (str,)):
            raise _inputs.SignatureError("A ConcatenateIterator must be one of str.")
        return {**_iterator({"type": "string"}), "x-cog-array-display": "concatenate"}
    if kind in _ITERATORS:
        return _iterator(_schema(args[0], seen) if args else {"type": "object"})
    if kind in _LISTS:
        return {"type": "array", "items": _schema(args[0], seen) if args else {"type": "object"}}
    if origin in (dict, collections.abc.Mapping):
        return {"type": "object", "additionalProperties": _schema(args[1], seen)}
    if origin is typing.Union:
        return {"anyOf": [_schema(each, seen) for each in args]}
    if origin is typing.Literal:
        return _enumeration(list(args))
    return _class(hint, seen)


def _iterator(items: Schema) -> Schema:
    return {"type": "array", "items": items, "x-cog-array-type": "iterator"}


def _enumeration(values: list[Any]) -> Schema:
    return {"type": "integer" if all(isinstance(each, int) for each in values) else "string", "enum": values}


def _class(hint: Any, seen: tuple[Any, ...]) -> Schema:
    if inspect.isclass(hint) and issubclass(hint, enum.Enum):
        return _enumeration([each.value for each in hint])
    if hint is datetime.datetime:
        return {"type": "string", "format": "date-time"}
    members = _members(hint)
    if members is not None:
        return {"type": "object"} if hint in seen else _object(members, (*seen, hint))
    found: Schema | None = _inputs.primitive(hint)
    if found is None:
        name = getattr(hint, "__name__", hint)
        raise _inputs.SignatureError(f"The return type {name} is not one that Cog can send.")
    return found


def _object(members: dict[str, tuple[Any, bool]], seen: tuple[Any, ...]) -> Schema:
    properties = {
        name: {**_schema(hint, seen), "title": _inputs.title(name)} for name, (hint, _) in members.items()
    }
    required = [
        name for name, (_, needed) in members.items() if needed and not properties[name].get("nullable")
    ]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _members(hint: Any) -> dict[str, tuple[Any, bool]] | None:
    """Name to (annotation, has no default) of a model, dataclass or TypedDict; None for any other class."""
    if not inspect.isclass(hint):
        return None
    fields = getattr(hint, "model_fields", None)
    if isinstance(fields, dict):
        needed = {name: bool(field.is_required()) for name, field in fields.items()}
    elif dataclasses.is_dataclass(hint) and not hasattr(hint, "get_secret_value"):
        missing = dataclasses.MISSING
        listed = dataclasses.fields(hint)
        needed = {each.name: each.default is missing and each.default_factory is missing for each in listed}
    elif typing.is_typeddict(hint):
        needed = {name: name in getattr(hint, "__required_keys__", ()) for name in hint.__annotations__}
    else:
        return None
    hints = typing.get_type_hints(hint, include_extras=True)
    return {name: (hints[name], each) for name, each in needed.items()}
