"""Inputs against a version's schema; faults in gojsonschema's words."""

from __future__ import annotations

from typing import Any

import pytest

from mainspring.core.errors import BundleError, InvalidInput
from mainspring.core.schema import InputSchema, OutputKind

PROPERTIES: dict[str, Any] = {
    "prompt": {"type": "string", "x-order": 0, "minLength": 1, "maxLength": 5},
    "width": {"type": "integer", "x-order": 1, "minimum": 1, "maximum": 64, "default": 8},
    "scale": {"type": "number", "x-order": 2, "minimum": 0, "maximum": 1.5},
    "output_format": {
        "allOf": [{"$ref": "#/components/schemas/output_format"}],
        "x-order": 3,
        "default": "png",
    },
    "seed": {"anyOf": [{"type": "integer"}, {"type": "null"}], "x-order": 4},
    "image": {"type": "string", "format": "uri", "x-order": 5, "nullable": True},
    "images": {"type": "array", "items": {"type": "string", "format": "uri"}, "x-order": 6},
    "key": {"type": "string", "format": "password", "x-cog-secret": True, "x-order": 7, "writeOnly": True},
    "name": {"type": "string", "pattern": "^[a-z]+$", "x-order": 8},
    "sizes": {"type": "array", "items": {"type": "integer", "enum": [1, 2]}, "x-order": 9, "maxItems": 3},
    "flag": {"type": "boolean", "x-order": 10},
    "mixed": {"anyOf": [{"type": "string"}, {"type": "integer"}], "x-order": 11},
    "odd": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 2, "x-order": 12},
}


def document(
    properties: dict[str, Any] | None = None, required: list[str] | None = None, **schemas: Any
) -> dict[str, Any]:
    given = {
        "Input": {
            "type": "object",
            "properties": PROPERTIES if properties is None else properties,
            "required": ["prompt"] if required is None else required,
        },
        "output_format": {"type": "string", "enum": ["jpg", "png"], "description": "An enumeration."},
    }
    return {"openapi": "3.0.2", "components": {"schemas": given | schemas}}


SCHEMA = InputSchema.compile(document())


def faults(given: Any, schema: InputSchema = SCHEMA) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidInput) as caught:
        schema.validate(given)
    return [(f["type"], f["field"], f["description"]) for f in caught.value.extra["invalid_fields"]]


def fault(name: str, value: Any) -> tuple[str, str, str]:
    (one,) = faults({"prompt": "x", name: value})
    return one


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": "x"},
        {"prompt": "x", "width": 1, "scale": 1, "flag": True, "seed": 3, "mixed": "a"},
        {"prompt": "x", "width": 4.0, "scale": 0.5, "output_format": "jpg", "sizes": [1, 2]},
        {
            "prompt": "x",
            "image": "https://x.org/a.png",
            "images": ["http://x/y", "DATA:text/plain;base64,eA=="],
        },
        {"prompt": "x", "image": "data:,hi"},
    ],
)
def test_good_inputs_come_back_as_they_are(given: dict[str, Any]) -> None:
    assert SCHEMA.validate(given) == given


def test_nulls_of_optional_inputs_are_left_out_and_the_input_is_not_touched() -> None:
    given = {"prompt": "x", "image": None, "width": None, "seed": None}
    assert SCHEMA.validate(given) == {"prompt": "x"}
    assert given["image"] is None


def test_replicates_own_example() -> None:
    with pytest.raises(InvalidInput) as caught:
        SCHEMA.validate({})
    assert caught.value.problem() == {
        "title": "Input validation failed",
        "detail": "- input: prompt is required\n",
        "status": 422,
        "invalid_fields": [{"type": "required", "field": "input", "description": "prompt is required"}],
    }


@pytest.mark.parametrize(
    ("name", "value", "type_", "sentence"),
    [
        ("width", "3", "invalid_type", "Invalid type. Expected: integer, given: string"),
        ("width", 1.5, "invalid_type", "Invalid type. Expected: integer, given: number"),
        ("width", True, "invalid_type", "Invalid type. Expected: integer, given: boolean"),
        ("width", [1], "invalid_type", "Invalid type. Expected: integer, given: array"),
        ("width", 0, "number_gte", "Must be greater than or equal to 1"),
        ("width", 65, "number_lte", "Must be less than or equal to 64"),
        ("scale", -1, "number_gte", "Must be greater than or equal to 0"),
        ("scale", 2, "number_lte", "Must be less than or equal to 1.5"),
        ("odd", 3, "multiple_of", "Must be a multiple of 2"),
        ("output_format", "gif", "enum", 'output_format must be one of the following: "jpg", "png"'),
        ("name", "A", "pattern", "Does not match pattern '^[a-z]+$'"),
        ("seed", "x", "invalid_type", "Invalid type. Expected: integer, given: string"),
        ("flag", {}, "invalid_type", "Invalid type. Expected: boolean, given: object"),
        ("mixed", [], "number_any_of", "Must validate at least one schema (anyOf)"),
        ("sizes", [1, 1, 1, 1], "array_max_items", "Array must have at most 3 items"),
        ("image", "/etc/passwd", "format", "Does not match format 'uri'"),
        ("image", "file:///etc/passwd", "format", "Does not match format 'uri'"),
        ("image", "http://", "format", "Does not match format 'uri'"),
    ],
)
def test_one_fault(name: str, value: Any, type_: str, sentence: str) -> None:
    assert fault(name, value) == (type_, f"input.{name}", sentence)


def test_faults_inside_lists_name_the_place() -> None:
    assert fault("sizes", [1, 7]) == ("enum", "input.sizes.1", "sizes.1 must be one of the following: 1, 2")
    wrong_type = "Invalid type. Expected: integer, given: string"
    assert fault("sizes", ["1"]) == ("invalid_type", "input.sizes.0", wrong_type)
    assert fault("images", ["https://a.b/c", "x"]) == (
        "format",
        "input.images.1",
        "Does not match format 'uri'",
    )


@pytest.mark.parametrize(
    ("text", "type_", "sentence"),
    [
        ("", "string_gte", "String length must be greater than or equal to 1"),
        ("toolong", "string_lte", "String length must be less than or equal to 5"),
        (None, "invalid_type", "Invalid type. Expected: string, given: null"),
    ],
)
def test_faults_of_a_required_text(text: str | None, type_: str, sentence: str) -> None:
    assert faults({"prompt": text}) == [(type_, "input.prompt", sentence)]


def test_unknown_inputs_are_refused() -> None:
    assert faults({"prompt": "x", "speed": 1}) == [
        ("additional_property_not_allowed", "", "Additional property speed is not allowed")
    ]
    assert faults({"prompt": "x", "speed": None})[0][0] == "additional_property_not_allowed"


def test_all_faults_are_told_in_the_order_of_the_inputs() -> None:
    told = faults({"zzz": 1, "flag": 1, "scale": 9, "width": "x", "name": "9"})
    assert [field for _, field, _ in told] == [
        "input",
        "input.width",
        "input.scale",
        "input.name",
        "input.flag",
        "",
    ]


@pytest.mark.parametrize("given", [None, [], "x", 3])
def test_an_input_is_an_object(given: Any) -> None:
    ((type_, field, sentence),) = faults(given)
    assert (type_, field) == ("invalid_type", "input")
    assert sentence.startswith("Invalid type. Expected: object, given: ")


def test_files_and_secrets_are_known() -> None:
    assert SCHEMA.file_fields == {"image", "images"}
    assert SCHEMA.secret_fields == {"key"}


def test_a_model_without_inputs_takes_only_an_empty_input() -> None:
    schema = InputSchema.compile(document({}, []))
    assert schema.validate({}) == {}
    assert faults({"x": 1}, schema)[0][0] == "additional_property_not_allowed"
    assert InputSchema.compile({}).validate({}) == {}


def test_nested_nulls_and_references_follow_openapi() -> None:
    properties = {
        "box": {"$ref": "#/components/schemas/Box"},
        "list": {"type": "array", "items": {"type": "string", "nullable": True}},
        "choice": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/output_format"}]},
    }
    box = {
        "type": "object",
        "properties": {"w": {"type": "integer"}, "in": {"$ref": "#/components/schemas/Box"}},
    }
    schema = InputSchema.compile(document(properties, ["choice"], Box=box))
    assert schema.validate({"choice": None, "list": ["a", None]})
    assert schema.validate({"choice": "jpg", "box": {"w": 1, "in": {"w": 2}}})
    assert faults({"choice": "jpg", "box": {"in": {"w": "2"}}}, schema) == [
        ("invalid_type", "input.box.in.w", "Invalid type. Expected: integer, given: string")
    ]


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ({"type": "string"}, OutputKind(False, False, False)),
        ({"type": "string", "format": "uri"}, OutputKind(False, False, True)),
        ({"type": "array", "items": {"type": "string", "format": "uri"}}, OutputKind(False, False, True)),
        (
            {"type": "array", "items": {"type": "string", "format": "uri"}, "x-cog-array-type": "iterator"},
            OutputKind(True, False, True),
        ),
        (
            {
                "type": "array",
                "items": {"type": "string"},
                "x-cog-array-type": "iterator",
                "x-cog-array-display": "concatenate",
            },
            OutputKind(True, True, False),
        ),
        (
            {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "uri"}, "n": {"type": "integer"}},
            },
            OutputKind(False, False, True),
        ),
        ({"$ref": "#/components/schemas/Thing"}, OutputKind(False, False, True)),
    ],
)
def test_output_kinds(output: dict[str, Any], kind: OutputKind) -> None:
    thing = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string", "format": "uri"}}},
    }
    assert OutputKind.of(document(Output=output, Thing=thing)) == kind


def test_a_document_without_output_has_a_plain_kind() -> None:
    assert OutputKind.of({}) == OutputKind(False, False, False)


def test_a_pattern_that_only_python_knows_is_left_to_cog() -> None:
    schema = InputSchema.compile(document({"a": {"type": "string", "pattern": r"(?P<x>a)\Z"}}, []))
    assert schema.validate({"a": "b"}) == {"a": "b"}
    assert faults({"a": 1}, schema)[0][0] == "invalid_type"


def test_a_document_that_is_no_schema_is_the_authors_fault() -> None:
    with pytest.raises(BundleError, match="strig"):
        InputSchema.compile(document({"a": {"type": "strig"}}, []))
