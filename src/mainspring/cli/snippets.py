"""Lines to copy that call a model, with its required inputs filled in."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from mainspring.cli.schema import InputField, example_input, shown_value


def command_line(model: str, fields: Mapping[str, InputField]) -> str:
    """`mainspring run …` for this model."""
    given = [f"-i {shlex.quote(f'{k}={shown_value(v)}')}" for k, v in example_input(fields).items()]
    return " ".join(["mainspring run", model, *given])


def python(reference: str, fields: Mapping[str, InputField]) -> str:
    """The same with Replicate's Python client; runs as it is once the files that it names exist."""
    given = ", ".join(f"{json.dumps(k)}: {_literal(v)}" for k, v in example_input(fields).items())
    return f"import replicate\nprint(replicate.run({json.dumps(reference)}, input={{{given}}}))"


def _literal(value: object) -> str:
    if isinstance(value, str) and value.startswith("@"):
        return f'open({json.dumps(value[1:])}, "rb")'
    return repr(value)
