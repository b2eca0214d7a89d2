"""What reaches the terminal: results on stdout, everything else on stderr, nothing that could command it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainspring.core.errors import MainspringError

if TYPE_CHECKING:
    from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class CliError(MainspringError):
    """A command could not do what it was asked; `hint` says what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def printable(text: str) -> str:
    """`text` without terminal escapes and control characters; newlines and tabs stay.

    Models, logs and replies of a server are not trusted to drive the terminal of the one who reads them.
    """
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def tell(message: str = "") -> None:
    """One line for the reader, on stderr."""
    typer.echo(printable(message), err=True)


def tell_error(error: MainspringError) -> None:
    """The error and what to do next, on stderr."""
    typer.secho("error: ", err=True, nl=False, fg="red", bold=True)
    tell(str(error).strip())
    if isinstance(error, CliError) and error.hint:
        for line in error.hint.splitlines():
            tell(f"  {line}")


def result(text: str, *, newline: bool = True) -> None:
    """A piece of the result, on stdout; as it is when stdout is no terminal."""
    sys.stdout.write((printable(text) if sys.stdout.isatty() else text) + ("\n" if newline else ""))
    sys.stdout.flush()


def result_json(value: Any) -> None:
    """The result for programs, on stdout; a path becomes its name."""
    import json

    result(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def show_list(
    found: Sequence[Any],
    columns: Sequence[str],
    cells: Callable[[Any], Iterable[str]],
    *,
    as_json: bool = False,
    empty: str = "",
) -> None:
    """A list on stdout: JSON for programs, else a table with the cells of each; `empty` is told when it has none."""
    if as_json:
        return result_json(found)
    if empty and not found:
        return tell(empty)
    from rich.table import Table

    table = Table(*columns, box=None)
    for one in found:
        table.add_row(*map(printable, cells(one)))
    return stdout_console().print(table)


def stdout_console() -> Console:
    """For tables on stdout; wide when it is no terminal, so that nothing is cut."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200)


def stderr_console() -> Console:
    """For progress on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)
