"""`mainspring token`: the API tokens of the account, or of an organization."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.calls import call, quoted
from mainspring.cli.terminal import AsJson, CliError, printable, result, result_json, show_list, tell

app = typer.Typer(no_args_is_help=True, help="List, create, rotate and disable API tokens.")

Account = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="An organization of yours; your own account if left out.", show_default=False
    ),
]
TokenId = Annotated[str, typer.Argument(metavar="ID", help="Its id, from `mainspring token list`.")]


@app.command("list")
def list_tokens(account: Account = None, as_json: AsJson = False) -> None:
    """List the tokens of the account; a token itself is never shown again.

    [bold]Examples[/bold]

    mainspring token list

    mainspring token list --account acme
    """
    columns = ("id", "name", "token", "scopes", "created", "last used", "expires", "state")
    show_list(_call("GET", "", account)["results"], columns, _cells, as_json=as_json)


@app.command("show")
def show_token(token_id: TokenId, account: Account = None, as_json: AsJson = False) -> None:
    """Show one token, without its secret.

    [bold]Examples[/bold]

    mainspring token show 361cbr3sk410xvdgzz06maj84a
    """
    found = next((one for one in _call("GET", "", account)["results"] if one["id"] == token_id), None)
    if found is None:
        raise CliError(f"There is no token {token_id}.", "See: mainspring token list")
    if as_json:
        return result_json(found)
    result(printable(f"{found['id']}  {found['name']}"))
    facts = {
        "token": _shown(found),
        "scopes": " ".join(found["scopes"]),
        "state": _state(found),
        **{k: _moment(found[f"{k}_at"]) for k in ("created", "last_used", "expires", "rotated", "disabled")},
    }
    for name, value in facts.items():
        result(printable(f"  {name.replace('_', ' '):<12}{value}"))
    return None


@app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for; only for you to read.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What it may do: read, run, push or admin; again for more. All that yours may if left out.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="How long it works, like 90d; for ever if left out.", show_default=False
        ),
    ] = None,
    monthly: Annotated[
        str | None,
        typer.Option(
            metavar="DOLLARS", help="Most that it spends in a month, like 5.00.", show_default=False
        ),
    ] = None,
    daily: Annotated[
        str | None, typer.Option(metavar="DOLLARS", help="Most that it spends in a day.", show_default=False)
    ] = None,
    account: Account = None,
) -> None:
    """Make a token and print it, this once.

    read sees; run makes predictions and uploads files; push makes and changes models, trainings and deployments;
    admin manages tokens, members, limits and settings. Each of the last three brings read with it.

    [bold]Examples[/bold]

    mainspring token create laptop

    mainspring token create shop --scope run --expires 90d --monthly 20

    export MAINSPRING_TOKEN=$(mainspring token create ci --account acme --scope run --scope push)
    """
    limit = {k: v for k, v in (("monthly", monthly), ("daily", daily)) if v is not None}
    asked = {"name": name, "scopes": scope or None, "expires_in": expires, "limit": limit or None}
    made = _call("POST", "", account, json={k: v for k, v in asked.items() if v is not None})
    told = f"Token {made['id']} ({name}), {' '.join(made['scopes'])}"
    if made["expires_at"]:
        told += f", until {_moment(made['expires_at'])}"
    tell(f"{told}; it is not shown again:")
    result(made["token"])


@app.command("rotate")
def rotate_token(
    token_id: TokenId,
    grace: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long the old secret works as well, like 1h; not at all if left out.",
            show_default=False,
        ),
    ] = None,
    account: Account = None,
) -> None:
    """Give a token a new secret and print it, this once; name, scopes, end and limits stay.

    [bold]Examples[/bold]

    mainspring token rotate 361cbr3sk410xvdgzz06maj84a --grace 1h
    """
    made = _call("POST", f"/{quoted(token_id)}/rotate", account, json={"grace": grace} if grace else {})
    old = f"works until {_moment(made['previous_until'])}" if grace else "works no more"
    tell(f"Token {token_id} has a new secret, the old one {old}; it is not shown again:")
    result(made["token"])


@app.command("rename")
def rename_token(
    token_id: TokenId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    account: Account = None,
) -> None:
    """Call a token otherwise.

    [bold]Examples[/bold]

    mainspring token rename 361cbr3sk410xvdgzz06maj84a "shop, staging"
    """
    _call("PATCH", f"/{quoted(token_id)}", account, json={"name": name})
    tell(f"Token {token_id} is called {name}.")


@app.command("disable")
def disable_token(token_id: TokenId, account: Account = None) -> None:
    """End a token: it stops working at once, and sessions that were begun with it.

    [bold]Examples[/bold]

    mainspring token disable 361cbr3sk410xvdgzz06maj84a
    """
    _call("DELETE", f"/{quoted(token_id)}", account)
    tell(f"Token {token_id} is disabled.")


def _cells(token: dict[str, Any]) -> tuple[str, ...]:
    moments = (_moment(token.get(k)) for k in ("created_at", "last_used_at", "expires_at"))
    return token["id"], token["name"], _shown(token), " ".join(token["scopes"]), *moments, _state(token)


def _shown(token: dict[str, Any]) -> str:
    return f"{token['prefix']}…{token['last_four']}"


def _state(token: dict[str, Any]) -> str:
    from datetime import UTC, datetime

    if token["disabled_at"]:
        return "disabled"
    ends = token["expires_at"]
    return "expired" if ends and datetime.fromisoformat(ends) <= datetime.now(UTC) else "active"


def _call(method: str, path: str, account: str | None, **options: Any) -> Any:
    return call(method, f"/v1/tokens{path}", params={"account": account} if account else None, **options)


def _moment(value: str | None) -> str:
    return value[:16].replace("T", " ") if value else "never"
