"""`mainspring doctor`: what this machine can do, and the fix for what it can't."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainspring.cli.terminal import printable, stdout_console

if TYPE_CHECKING:
    from mainspring.cli.checks import Finding

_SIGNS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "red")}


def doctor(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The server's data directory. Default: data.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The server's file of settings.")
    ] = None,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="One finding a line: state, name, what was found, fix; tabs between."),
    ] = False,
) -> None:
    """Look at this machine: what the platform finds here, and how to get what is missing.

    ✓ is fine; ! works with less, or only matters for some models; ✗ must be fixed, and makes the exit code 1.

    [bold]Examples[/bold]

    mainspring doctor

    mainspring doctor --plain | grep ^bad
    """
    from mainspring.cli.checks import examine
    from mainspring.settings import load_settings

    findings = list(examine(load_settings(config, data=data)))
    if plain:
        for found in findings:
            typer.echo("\t".join((found.state, found.name, printable(found.found), found.fix)))
    else:
        _print(findings)
    if any(found.state == "bad" for found in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 1))
    for found in findings:
        sign, colour = _SIGNS[found.state]
        table.add_row(Text(sign, style=colour), found.name, printable(found.found))
        if found.fix:
            table.add_row("", "", Text(f"→ {found.fix}", style=colour))
    stdout_console().print(table)
