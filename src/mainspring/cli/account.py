"""`mainspring account`: your account; for the operator, everybody's."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli import people
from mainspring.cli.calls import call, quoted
from mainspring.cli.model_options import asked_retention
from mainspring.cli.terminal import AsJson, printable, result, show_list, tell

app = typer.Typer(
    no_args_is_help=True, help="Show and change your account; make and disable those of others."
)
Username = Annotated[
    str, typer.Argument(metavar="USERNAME", help="The first part of owner/name; it can't be changed.")
]


@app.command("show")
def show_account(
    username: Annotated[
        str | None,
        typer.Argument(metavar="USERNAME", help="Somebody's, for the operator; yours if left out."),
    ] = None,
) -> None:
    """Show the account that commands act as, or another one.

    [bold]Examples[/bold]

    mainspring account show
    """
    found = call("GET", f"/v1/accounts/{quoted(username)}" if username else "/v1/account")
    result(printable(found["username"]))
    shown = ("type", "name", "created_at", "disabled_at") if username else ("type", "name", "retention")
    for name in shown:
        result(
            printable(f"  {name:<15}{found.get(name) or ('never' if name.endswith('_at') else 'default')}")
        )


@app.command("set")
def set_account(
    retention: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long inputs, outputs and logs are kept, like 24h; off for ever; default for the platform's.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Your name for people.", show_default=False)
    ] = None,
) -> None:
    """Change the settings of the account; how long data is kept counts for predictions made from now on.

    [bold]Examples[/bold]

    mainspring account set --retention 24h

    mainspring account set --name "Ada Lovelace"
    """
    changes: dict[str, Any] = {"name": name} if name is not None else {}
    if retention is not None:
        changes["retention"] = asked_retention(retention)
    if not changes:
        raise typer.BadParameter("say what to change: --retention or --name")
    found = call("PATCH", "/v1/account", json=changes)
    tell(f"{found['username']}: {found['name']}, retention is now {found['retention'] or 'default'}")


@app.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """List everybody's accounts. For the operator; organizations are in `mainspring org list`.

    [bold]Examples[/bold]

    mainspring account list
    """
    found = call("GET", "/v1/accounts")["results"]
    show_list(found, ("username", "name", "created", "state"), _cells, as_json=as_json)


@app.command("create")
def create_account(
    username: Username,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Their name for people.", show_default=False)
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long their first token works, like 90d.", show_default=False),
    ] = None,
) -> None:
    """Make an account for somebody, and print its first token, this once. For the operator.

    [bold]Examples[/bold]

    mainspring account create ada --name "Ada Lovelace"
    """
    call("POST", "/v1/accounts", json={"username": username} | ({"name": name} if name else {}))
    tell(f"The account {username} is there. Give its owner this token; it is not shown again:")
    asked = {"name": "first"} | ({"expires_in": expires} if expires else {})
    made = call("POST", "/v1/tokens", params={"account": username}, json=asked)
    result(made["token"])


@app.command("rename")
def rename_account(
    username: Username, name: Annotated[str, typer.Argument(metavar="NAME", help="Their name for people.")]
) -> None:
    """Give somebody another name for people. For the operator; `account set --name` is for yourself.

    [bold]Examples[/bold]

    mainspring account rename ada "Ada King"
    """
    people.rename("accounts", username, name)


@app.command("disable")
def disable_account(username: Username) -> None:
    """Let none of somebody's tokens open their account any more. For the operator.

    Models, predictions and what runs stay as they are.

    [bold]Examples[/bold]

    mainspring account disable ada
    """
    people.disable("accounts", username)


@app.command("enable")
def enable_account(username: Username) -> None:
    """Let somebody's tokens open their account again. For the operator.

    [bold]Examples[/bold]

    mainspring account enable ada
    """
    people.enable("accounts", username)


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    return one["username"], one["name"], one["created_at"][:10], people.state(one)
