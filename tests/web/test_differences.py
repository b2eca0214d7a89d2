"""What breaks callers between two versions."""

from __future__ import annotations

from typing import Any

import pytest

from mainspring.core.schema import InputSchema, OutputKind
from mainspring.web.differences import Side, differences

ONCE = OutputKind(False, False, False)
PIECES = OutputKind(True, True, False)


def side(
    properties: dict[str, Any], required: tuple[str, ...] = (), output: str = "string", kind: Any = ONCE
) -> Side:
    schema = {"components": {"schemas": {"Input": {"properties": properties, "required": list(required)}}}}
    return Side(InputSchema.compile(schema), output, kind)


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(one.text, one.breaks) for one in differences(side({"x": old}), side({"x": new}))]


@pytest.mark.parametrize(
    ("old", "new", "text", "breaks"),
    [
        ({"type": "integer"}, {"type": "string"}, "was integer, is string", True),
        ({"maximum": 9}, {"maximum": 5}, "largest value was 9, is 5", True),
        ({"maximum": 9}, {"maximum": 12}, "largest value was 9, is 12", False),
        ({"maximum": 9}, {}, "largest value was 9, is none", False),
        ({}, {"minimum": 1}, "least value was none, is 1", True),
        ({"minimum": 2}, {"minimum": 1}, "least value was 2, is 1", False),
        ({"default": 1}, {"default": 2}, "default was 1, is 2", False),
        ({"enum": ["a", "b"]}, {"enum": ["b", "c"]}, 'no longer takes "a"', True),
        ({"enum": ["a"]}, {"enum": ["a", "c"]}, 'takes "c" too', False),
        ({}, {"enum": ["a"]}, 'takes only "a" now', True),
        ({"enum": ["a"]}, {}, "takes any value now", False),
        ({}, {"pattern": "^a"}, "has to match ^a now", True),
        ({}, {"deprecated": True}, "is deprecated now", False),
    ],
)
def test_a_changed_input(old: dict[str, Any], new: dict[str, Any], text: str, breaks: bool) -> None:
    kind = {} if "type" in old else {"type": "integer" if "imum" in str((old, new)) else "string"}
    assert (text, breaks) in changed({**kind, **old}, {**kind, **new})


def test_inputs_that_come_and_go() -> None:
    text = {"type": "string"}
    old = side({"gone": text, "kept": text, "freed": text}, ("freed",))
    new = side({"kept": text, "freed": text, "must": text, "may": text}, ("kept", "must"))
    found = {one.name: (one.text, one.breaks) for one in differences(old, new)}
    assert found == {
        "gone": ("was removed: calls that send it are refused", True),
        "must": ("is new and required (string)", True),
        "may": ("is new (string)", False),
        "kept": ("is required now", True),
        "freed": ("is optional now", False),
    }
    assert [one.breaks for one in differences(old, new)] == [True, True, True, False, False]


def test_the_output_and_how_it_comes() -> None:
    assert [one.text for one in differences(side({}), side({}, output="file"))] == ["was string, is file"]
    (streams,) = differences(side({}), side({}, kind=PIECES))
    assert (streams.text, streams.breaks) == ("was given at once, is streamed as pieces of one text", True)
    assert differences(side({}), side({})) == []
