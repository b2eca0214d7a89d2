"""`mainspring account`: what the account has chosen."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.model import asked_retention
from mainspring.cli.terminal import printable, result, tell

app = typer.Typer(no_args_is_help=True, help="Show your account, and change its settings.")


@app.command("show")
def show_account() -> None:
    """Show the account that commands act as.

    [bold]Examples[/bold]

    mainspring account show
    """
    found = _call("GET")
    result(printable(found["username"]))
    for name in ("type", "name", "retention"):
        result(printable(f"  {name:<15}{found.get(name) or 'default'}"))


@app.command("set")
def set_account(
    retention: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="How long inputs, outputs and logs are kept, like 24h; off for ever; default for the platform's.",
        ),
    ],
) -> None:
    """Change the settings of the account, for predictions that are made from now on.

    [bold]Examples[/bold]

    mainspring account set --retention 24h

    mainspring account set --retention off
    """
    found = _call("PATCH", json={"retention": asked_retention(retention)})
    tell(f"{found['username']}: retention is now {found['retention'] or 'default'}")


def _call(method: str, **options: Any) -> dict[str, Any]:
    from mainspring.cli.client import ask

    found: dict[str, Any] = ask(lambda client: client.call(method, "/v1/account", **options))
    return found
