"""The arguments of a predictor as JSON schemas, in the shape that Cog prints."""

from __future__ import annotations

import enum
import inspect
import math
import os
import re
import types
import typing
from typing import Any

Schema = dict[str, Any]


class SignatureError(Exception):
    """The author's annotations can't be served; the text says which and why."""


class _NoDefault:
    """Marks an `Input()` to which no default was given."""


_undefaulted: set[int] = set()
_kept: list[Any] = []


def watch_defaults() -> None:
    """Make `cog.Input` note when no default is given: `Input()` and `Input(default=None)` look the same afterwards."""
    import cog
    import cog.input as module

    original = module.Input

    def watched(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        if not args and "default" not in kwargs:
            _undefaulted.add(id(made))
            _kept.append(made)
        return made

    cog.Input = module.Input = watched


def signature(target: Any) -> tuple[list[tuple[inspect.Parameter, Any]], Any]:
    """The parameters with their resolved annotations, and the return annotation. Raises SignatureError."""
    name = target.method or target.object.__name__
    found = inspect.signature(target.call)
    try:
        hints = typing.get_type_hints(target.call, include_extras=True)
    except Exception as error:
        raise SignatureError(f"The annotations of {name}() can't be read: {error}") from error
    parameters = list(found.parameters.values())[1 if target.method else 0 :]
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            raise SignatureError(f"{name}() must not take *args or **kwargs; name each input.")
        if each.name not in hints:
            raise SignatureError(f"{name}(): the input `{each.name}` has no type annotation.")
    if found.return_annotation is inspect.Signature.empty:
        raise SignatureError(f"{name}() has no return type annotation; add one, such as `-> str`.")
    return [(each, hints[each.name]) for each in parameters], hints.get("return")


def describe(parameters: list[tuple[inspect.Parameter, Any]]) -> tuple[Schema, list[str], Schema]:
    """(properties, names of the required ones, enum schemas by name)."""
    properties: Schema = {}
    required: list[str] = []
    enums: Schema = {}
    for order, (parameter, hint) in enumerate(parameters):
        field = _Field(parameter, hint)
        properties[field.name] = field.schema(order, enums)
        if field.required:
            required.append(field.name)
    return properties, required, enums


def title(name: str) -> str:
    return " ".join(part[:1].upper() + part[1:] for part in name.split("_"))


def primitive(hint: Any) -> Schema | None:
    """The schema of a scalar or opaque type, None for any other."""
    import cog

    if hint is cog.Secret:
        return {"type": "string", "format": "password", "writeOnly": True, "x-cog-secret": True}
    if hint is cog.File or (isinstance(hint, type) and issubclass(hint, os.PathLike)):
        return {"type": "string", "format": "uri"}
    if hint is Any or hint is dict or typing.is_typeddict(hint):
        return {"type": "object"}
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": names[hint]} if isinstance(hint, type) and hint in names else None


def bare(hint: Any) -> tuple[Any, bool]:
    """`hint` without Annotated and Optional, and whether None is allowed; cog.Opaque makes it Any."""
    if typing.get_origin(hint) is typing.Annotated:
        inner, *notes = typing.get_args(hint)
        plain, nullable = bare(inner)
        if not any(type(note).__name__ == "_OpaqueMarker" for note in notes):
            return plain, nullable
        return (list[Any] if plain is list or typing.get_origin(plain) is list else Any), nullable
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [each for each in typing.get_args(hint) if each is not type(None)]
        nullable = len(members) < len(typing.get_args(hint))
        if len(members) == 1:
            inner, deeper = bare(members[0])
            return inner, nullable or deeper
        return typing.Union[tuple(members)], nullable  # noqa: UP007
    return hint, False


class _Field:
    """One input."""

    def __init__(self, parameter: inspect.Parameter, hint: Any) -> None:
        from cog.input import FieldInfo

        self.name = parameter.name
        self.hint, self.nullable = bare(hint)
        given = parameter.default
        self.info = given if isinstance(given, FieldInfo) else None
        self.default = self._default(given)
        self.choices = self._choices()
        if self.default is None and self._is_secret:
            self.nullable = True
        if self.default is None and not self.nullable:
            self.default = _NoDefault
        self.required = self.default is _NoDefault and not self.nullable
        self._check()

    def schema(self, order: int, enums: Schema) -> Schema:
        found: Schema = {"x-order": order, **self._type(enums)}
        if self.default is not _NoDefault:
            found["default"] = self.default
        if self.nullable:
            found["nullable"] = True
        for key, name in _KEYWORDS.items():
            value = getattr(self.info, name, None)
            if value is not None and value is not False:
                found[key] = int(value) if isinstance(value, float) and value.is_integer() else value
        return found

    @property
    def _is_secret(self) -> bool:
        return (primitive(self.hint) or {}).get("format") == "password"

    def _type(self, enums: Schema) -> Schema:
        if not self.choices:
            return {"title": title(self.name), **self._inline(self.hint)}
        scalar = self._scalar()
        name = f"{self.name}_choices" if self.name in _TAKEN else self.name
        enums[name] = {"title": name, "description": "An enumeration.", "enum": self.choices, **scalar}
        ref = {"$ref": f"#/components/schemas/{name}"}
        if self._is_list:
            return {"title": title(self.name), "type": "array", "items": ref}
        return {"allOf": [ref]}

    @property
    def _is_list(self) -> bool:
        return typing.get_origin(self.hint) is list

    def _scalar(self) -> Schema:
        inner = typing.get_args(self.hint)[0] if self._is_list else self.hint
        if typing.get_origin(inner) is typing.Literal:
            return {"type": "integer" if all(isinstance(c, int) for c in self.choices) else "string"}
        found = primitive(inner)
        if found is None:
            raise self._wrong("can't have choices")
        return found

    def _inline(self, hint: Any) -> Schema:
        found = primitive(hint)
        if found is not None:
            return found
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if hint is list or origin is list:
            inner, nullable = bare(args[0]) if args else (Any, False)
            items = self._inline(inner)
            if nullable or "items" in items:
                raise self._wrong("is a list of something that Cog can't take")
            return {"type": "array", "items": items}
        if origin is dict:
            return {"type": "object"}
        if origin is typing.Union:
            variants = [self._inline(bare(each)[0]) for each in args]
            return {"anyOf": [{**each, "nullable": True} if self.nullable else each for each in variants]}
        raise self._wrong(f"has the type {getattr(hint, '__name__', hint)}, which Cog doesn't take")

    def _default(self, given: Any) -> Any:
        if self.info is not None:
            given = _NoDefault if id(self.info) in _undefaulted else self.info.default
        if given is inspect.Parameter.empty:
            return _NoDefault
        return _as_json(given)

    def _choices(self) -> list[Any]:
        inner = typing.get_args(self.hint)[0] if self._is_list and typing.get_args(self.hint) else self.hint
        if typing.get_origin(inner) is typing.Literal:
            return list(typing.get_args(inner))
        choices = [_as_json(each) for each in getattr(self.info, "choices", None) or []]
        if len(choices) == 1:
            raise self._wrong("must have at least two choices")
        return choices

    def _check(self) -> None:
        """Constraints must suit the type, and the default must keep them."""
        info = self.info
        kind = "string" if self.choices else self._inline(self.hint).get("type")
        kind = self._inline(self.hint)["items"].get("type") if kind == "array" and not self.choices else kind
        if info and (info.ge is not None or info.le is not None) and kind not in ("integer", "number"):
            raise self._wrong("has ge or le, which only numbers can have")
        limits = info and (info.min_length, info.max_length, info.regex)
        if limits and any(each is not None for each in limits) and kind != "string":
            raise self._wrong("has min_length, max_length or regex, which only strings can have")
        values = self.default if isinstance(self.default, list) else [self.default]
        for value in values:
            if value is not None and value is not _NoDefault and not self._allows(value):
                raise self._wrong(f"has the default {value!r}, which its own constraints refuse")

    def _allows(self, value: Any) -> bool:
        info = self.info
        if self.choices:
            return value in self.choices
        if info is None:
            return True
        if isinstance(value, (int, float)):
            low, high = (
                (-math.inf if info.ge is None else info.ge),
                (math.inf if info.le is None else info.le),
            )
            return bool(low <= value <= high)
        if isinstance(value, str) and kind_is_text(self.hint):
            short, long = info.min_length or 0, math.inf if info.max_length is None else info.max_length
            return bool(short <= len(value) <= long and (info.regex is None or re.search(info.regex, value)))
        return True

    def _wrong(self, problem: str) -> SignatureError:
        return SignatureError(f"The input `{self.name}` {problem}.")


_KEYWORDS = {
    "description": "description",
    "minimum": "ge",
    "maximum": "le",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "regex",
    "deprecated": "deprecated",
    "x-cog-accept": "accept",
}
_TAKEN = {
    *("Input", "Output", "PredictionRequest", "PredictionResponse", "Status", "HTTPValidationError"),
    *("TrainingInput", "TrainingOutput", "TrainingRequest", "TrainingResponse", "ValidationError"),
}


def kind_is_text(hint: Any) -> bool:
    return hint is str or typing.get_args(hint) == (str,)


def _as_json(value: Any) -> Any:
    import cog

    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, os.PathLike):
        return str(value)
    if isinstance(value, cog.Secret):
        return value.get_secret_value()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_as_json(each) for each in value]
    if hasattr(value, "default_factory"):
        return _as_json(value.default_factory())
    return value
