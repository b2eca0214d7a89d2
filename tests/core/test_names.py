"""Names and references."""

from __future__ import annotations

import pytest

from mainspring.core.catalog import Reference, name_fault, parse_reference
from mainspring.core.errors import InvalidVersion

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "meant", "model"),
    [
        ("ada/hello", Reference("ada", "hello"), "ada/hello"),
        (f"ada/hello-1.5_x:{HEX}", Reference("ada", "hello-1.5_x", HEX), "ada/hello-1.5_x"),
        (HEX, Reference(version=HEX), None),
    ],
)
def test_references(text: str, meant: Reference, model: str | None) -> None:
    assert parse_reference(text) == meant
    assert meant.model == model


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "ada/",
        "/x",
        "a/b/c",
        "a/b:",
        "a/b:latest",
        f"a/b:{HEX}0",
        HEX[1:],
        f"{HEX}\n",
        HEX.upper(),
    ],
)
def test_what_names_nothing_is_an_invalid_version(text: str) -> None:
    with pytest.raises(InvalidVersion):
        parse_reference(text)


@pytest.mark.parametrize("name", ["a", "hello-world", "Llama-3.1_8b", "x" * 100])
def test_good_names(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "name", ["", "-a", "a.", ".", "..", "a b", "a/b", "a:b", "é", "x" * 101, "a\n", "a%2fb"]
)
def test_bad_names(name: str) -> None:
    assert name_fault(name)
