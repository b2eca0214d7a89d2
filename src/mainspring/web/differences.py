"""What changes for callers between two versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mainspring.core.schema import InputSchema, OutputKind, Schema
from mainspring.web.inputs import type_name

_LOWER = (("minimum", "least value"), ("minLength", "least length"), ("minItems", "fewest items"))
_UPPER = (("maximum", "largest value"), ("maxLength", "longest length"), ("maxItems", "most items"))


@dataclass(frozen=True, slots=True)
class Difference:
    """One change. breaks: calls that work with the old version can fail with the new one."""

    name: str
    text: str
    breaks: bool


@dataclass(frozen=True, slots=True)
class Side:
    """A version as its callers see it. output: its type in words."""

    inputs: InputSchema
    output: str
    kind: OutputKind


def differences(old: Side, new: Side) -> list[Difference]:
    """Every change from old to new, those that break callers first."""
    found = [*_inputs(old.inputs, new.inputs), *_output(old, new)]
    return sorted(found, key=lambda one: not one.breaks)


def _inputs(old: InputSchema, new: InputSchema) -> Iterator[Difference]:
    for name in old.properties.keys() - new.properties.keys():
        yield Difference(name, "was removed: calls that send it are refused", True)
    for name, schema in new.properties.items():
        needed = name in new.required
        if name not in old.properties:
            told = f"is new and required ({type_name(schema)})" if needed else f"is new ({type_name(schema)})"
            yield Difference(name, told, needed)
            continue
        if needed != (name in old.required):
            yield Difference(name, "is required now" if needed else "is optional now", needed)
        yield from _input(name, old.properties[name], schema)


def _input(name: str, old: Schema, new: Schema) -> Iterator[Difference]:
    before, after = type_name(old), type_name(new)
    if before != after:
        yield Difference(name, f"was {before}, is {after}", True)
        return
    for keys, narrower in ((_LOWER, 1), (_UPPER, -1)):
        yield from _bounds(name, old, new, keys, narrower)
    yield from _choices(name, old.get("enum"), new.get("enum"))
    if old.get("default") != new.get("default"):
        told = f"default was {_json(old.get('default'))}, is {_json(new.get('default'))}"
        yield Difference(name, told, False)
    if old.get("pattern") != new.get("pattern"):
        now = new.get("pattern")
        yield Difference(name, f"has to match {now} now" if now else "has to match no pattern now", bool(now))
    if new.get("deprecated") and not old.get("deprecated"):
        yield Difference(name, "is deprecated now", False)


def _bounds(
    name: str, old: Schema, new: Schema, keys: Sequence[tuple[str, str]], narrower: int
) -> Iterator[Difference]:
    """narrower: 1 where a larger number allows less, else -1."""
    for key, words in keys:
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        breaks = after is not None and (before is None or (after - before) * narrower > 0)
        yield Difference(name, f"{words} was {_json(before)}, is {_json(after)}", breaks)


def _choices(name: str, old: Sequence[Any] | None, new: Sequence[Any] | None) -> Iterator[Difference]:
    if new is None:
        if old is not None:
            yield Difference(name, "takes any value now", False)
        return
    if old is None:
        yield Difference(name, f"takes only {', '.join(map(_json, new))} now", True)
        return
    if gone := [one for one in old if one not in new]:
        yield Difference(name, f"no longer takes {', '.join(map(_json, gone))}", True)
    if come := [one for one in new if one not in old]:
        yield Difference(name, f"takes {', '.join(map(_json, come))} too", False)


def _output(old: Side, new: Side) -> Iterator[Difference]:
    if old.output != new.output:
        yield Difference("output", f"was {old.output}, is {new.output}", True)
    if old.kind.iterator != new.kind.iterator or old.kind.concatenate != new.kind.concatenate:
        yield Difference("output", f"was {_manner(old.kind)}, is {_manner(new.kind)}", True)


def _manner(kind: OutputKind) -> str:
    if kind.concatenate:
        return "streamed as pieces of one text"
    return "given one item at a time" if kind.iterator else "given at once"


def _json(value: Any) -> str:
    return "none" if value is None else msgspec.json.encode(value).decode()
