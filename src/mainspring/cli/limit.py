"""`mainspring limit`: what an account or a token may spend."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from mainspring.cli.calls import call
from mainspring.cli.terminal import AsJson, show_list, tell

app = typer.Typer(no_args_is_help=True, help="Set, show and remove spending limits.")

Account = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The account it is for; yours if left out.", show_default=False),
]
Token = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Only what this token makes, by its id from `mainspring token list`."),
]


def _dollars(help_text: str) -> Any:
    return typer.Option(
        metavar="DOLLARS", help=f"{help_text}, like 5.00; none for no such limit.", show_default=False
    )


@app.command("set")
def set_limit(
    monthly: Annotated[str | None, _dollars("Most that is spent in a month")] = None,
    daily: Annotated[str | None, _dollars("Most that is spent in a day")] = None,
    soft: Annotated[str | None, _dollars("Warn when so much is spent in a month")] = None,
    soft_daily: Annotated[str | None, _dollars("Warn when so much is spent in a day")] = None,
    account: Account = None,
    token: Token = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where to tell of a limit that is reached; none for nowhere."),
    ] = None,
) -> None:
    """Set what may be spent; what is left out stays. Months and days are those of UTC.

    [bold]Examples[/bold]

    mainspring limit set --monthly 5.00

    mainspring limit set --daily 1 --soft 4 --webhook https://example.com/spending

    mainspring limit set --monthly 20 --token m420tb253nrm60cj09c8hwfgxw
    """
    given = {"monthly": monthly, "daily": daily, "monthly_soft": soft, "daily_soft": soft_daily}
    body: dict[str, Any] = {name: _amount(name, text) for name, text in given.items() if text is not None}
    if not body:
        raise typer.BadParameter("say a limit: --monthly, --daily, --soft or --soft-daily")
    if webhook is not None:
        body["webhook"] = None if webhook == "none" else webhook
    _show(call("PUT", "/v1/limits", json=body | _named(account, token))["results"])


@app.command("show")
def show_limits(account: Account = None, as_json: AsJson = False) -> None:
    """Show the spending limits of an account and its tokens, and how much is spent.

    [bold]Examples[/bold]

    mainspring limit show
    """
    _show(call("GET", "/v1/limits", params=_named(account, None))["results"], as_json=as_json)


@app.command("remove")
def remove_limit(
    account: Account = None,
    token: Token = None,
    period: Annotated[
        str | None, typer.Option(metavar="PERIOD", help="month or day; both if left out.", show_default=False)
    ] = None,
) -> None:
    """Remove the spending limits of an account or a token.

    [bold]Examples[/bold]

    mainspring limit remove --period day
    """
    asked = _named(account, token) | ({"period": period} if period else {})
    call("DELETE", "/v1/limits", params=asked)
    tell("There is no such limit any more.")


def _amount(name: str, text: str) -> str | None:
    if text == "none":
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and amount >= 0):
        raise typer.BadParameter(f"{name.replace('_', ' ')} must be an amount in dollars like 5.00, or none")
    return str(amount)


def _named(account: str | None, token: str | None) -> dict[str, str]:
    return {k: v for k, v in (("account", account), ("token", token)) if v is not None}


def _show(limits: list[dict[str, Any]], *, as_json: bool = False) -> None:
    columns = ("for", "every", "limit", "warn at", "spent", "running", "resets", "state")
    show_list(limits, columns, _cells, as_json=as_json, empty="There are no spending limits.")


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    state = "reached" if one["reached"] else "warning" if one["warning"] else "open"
    whose = f"token {one['token']}" if one["token"] else one["account"]
    amounts = (f"${one[k]}" if one[k] is not None else "-" for k in ("hard", "soft", "spent", "running"))
    return whose, one["period"], *amounts, one["resets_at"][:10], state
