"""`mainspring audit`: what tokens changed or tried to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.calls import pages
from mainspring.cli.terminal import AsJson, show_list


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
    as_json: AsJson = False,
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
    columns = ("when", "account", "token", "operation", "object", "from", "status")
    show_list(found, columns, _cells, as_json=as_json, empty="There is nothing in the audit log.")


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["at"][:19].replace("T", " "),
        one["account"],
        one["token_name"] or one["token"] or "-",
        one["operation"],
        one["object"],
        f"{one['address'] or '-'} ({one['source']})",
        str(one["status"] or "unknown"),
    )


def _entries(params: dict[str, str], limit: int) -> list[Any]:
    from urllib.parse import urlencode

    return pages(f"/v1/audit?{urlencode(params)}", limit)[:limit]


def _since(text: str | None) -> str | None:
    if text is None:
        return None
    from datetime import UTC, datetime, timedelta

    from mainspring.core.durations import parse_duration

    try:
        return (datetime.now(UTC) - timedelta(seconds=parse_duration(text))).isoformat()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error)) from error
