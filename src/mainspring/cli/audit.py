"""`mainspring audit`: what tokens changed or tried to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.terminal import printable, result_json, stdout_console, tell


def audit(
    account: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="An organization of yours; for the operator, anybody.", show_default=False
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only what this token did, by its id.", show_default=False),
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only this operation, like tokens.create.", show_default=False),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what is younger, like 24h.", show_default=False)
    ] = None,
    others: Annotated[
        bool, typer.Option("--others", help="What other accounts did with what the account has.")
    ] = False,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="What everybody did; for the operator.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most entries.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what tokens changed or tried to: who, what, when, from where, and what became of it.

    [bold]Examples[/bold]

    mainspring audit

    mainspring audit --token 361cbr3sk410xvdgzz06maj84a --since 7d

    mainspring audit --account acme --others
    """
    if others and everybody:
        raise typer.BadParameter("--others and --everybody exclude each other")
    by = "others" if others else "everybody" if everybody else "account"
    asked = {"account": account, "token": token, "operation": operation, "since": _since(since), "by": by}
    found = _entries(
        {k: v for k, v in asked.items() if v is not None} | {"limit": str(min(limit, 100))}, limit
    )
    if as_json:
        return result_json(found)
    if not found:
        return tell("There is nothing in the audit log.")
    return _print(found)


def _print(found: list[Any]) -> None:
    from rich.table import Table

    table = Table("when", "account", "token", "operation", "object", "from", "status", box=None)
    for one in found:
        cells = (
            one["at"][:19].replace("T", " "),
            one["account"],
            one["token_name"] or one["token"] or "-",
            one["operation"],
            one["object"],
            f"{one['address'] or '-'} ({one['source']})",
            str(one["status"] or "unknown"),
        )
        table.add_row(*map(printable, cells))
    stdout_console().print(table)


def _entries(params: dict[str, str], limit: int) -> list[Any]:
    from urllib.parse import urlencode

    from mainspring.cli.client import ask

    return ask(lambda client: client.pages(f"/v1/audit?{urlencode(params)}", limit))[:limit]


def _since(text: str | None) -> str | None:
    if text is None:
        return None
    from datetime import UTC, datetime, timedelta

    from mainspring.core.durations import parse_duration

    try:
        return (datetime.now(UTC) - timedelta(seconds=parse_duration(text))).isoformat()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error)) from error
