"""`mainspring usage`: what was used, and what it cost."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from mainspring.cli.calls import call
from mainspring.cli.terminal import AsJson, result, result_json, show_list, tell


def usage(
    by: Annotated[
        Literal["day", "model", "token", "deployment", "hardware"], typer.Option(help="What to add up by.")
    ] = "day",
    since: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="From this day (UTC) on; the first of this month if left out."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Before this day; now if left out.", show_default=False)
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The account; yours if left out.", show_default=False),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what was used and what it cost.

    [bold]Examples[/bold]

    mainspring usage

    mainspring usage --by model --since 2026-01-01

    mainspring usage --by token --csv > usage.csv
    """
    given = {"by": by, "since": since, "until": until, "account": account}
    params = {name: value for name, value in given.items() if value is not None}
    if as_csv:
        return result(_text(params | {"format": "csv"}), newline=False)
    found = call("GET", "/v1/usage", params=params)
    return result_json(found) if as_json else _show(found)


def _show(found: dict[str, Any]) -> None:
    columns = (found["by"], "runs", "setup", "idle", "active", "cost", "at Replicate")
    show_list((*found["results"], found["total"]), columns, _cells)
    for limit in found["limits"]:
        if limit["reached"] or limit["warning"]:
            whose = f"token {limit['token']}" if limit["token"] else limit["account"]
            mark = limit["hard"] if limit["reached"] else limit["soft"]
            word = "spending limit" if limit["reached"] else "soft limit"
            tell(f"The {word} of ${mark} a {limit['period']} for {whose} is reached.")


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    spans = (f"{one[k]:.1f} s" for k in ("setup_time", "idle_time", "active_time"))
    return one["key"] or "none", str(one["runs"]), *spans, f"${one['amount']}", f"${one['list_amount']}"


def _text(params: dict[str, str]) -> str:
    from mainspring.cli.client import Client, ask

    async def read(client: Client) -> str:
        async with client.open("GET", "/v1/usage", params=params) as response:
            return (await response.aread()).decode()

    return ask(read)
