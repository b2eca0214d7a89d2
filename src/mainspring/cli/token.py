"""`mainspring token`: the API tokens of the account."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.terminal import result, stdout_console, tell

app = typer.Typer(no_args_is_help=True, help="List, create and revoke API tokens.")


@app.command("list")
def list_tokens(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the tokens of the account; a token itself is never shown again.

    [bold]Examples[/bold]

    mainspring token list
    """
    found = _call("GET", "/v1/tokens")
    tokens = found["results"] if isinstance(found, dict) else found
    if as_json:
        import json

        result(json.dumps(tokens, indent=2))
        return
    from rich.table import Table

    table = Table("id", "name", "token", "created", "last used", "state", box=None)
    for token in tokens:
        shown = f"{token['prefix']}…{token['last_four']}"
        state = "revoked" if token.get("disabled_at") else "active"
        moments = (_moment(token.get(k)) for k in ("created_at", "last_used_at"))
        table.add_row(token["id"], token["name"], shown, *moments, state)
    stdout_console().print(table)


@app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for; only for you to read.")],
) -> None:
    """Make a token and print it, this once.

    [bold]Examples[/bold]

    mainspring token create laptop

    export MAINSPRING_TOKEN=$(mainspring token create ci)
    """
    made = _call("POST", "/v1/tokens", json={"name": name})
    tell(f"Token {made['id']} ({name}); it is not shown again:")
    result(made["token"])


@app.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, from `mainspring token list`.")],
) -> None:
    """Revoke a token: it stops working at once.

    [bold]Examples[/bold]

    mainspring token revoke 4f0c2a
    """
    from urllib.parse import quote

    _call("DELETE", f"/v1/tokens/{quote(token_id, safe='')}")
    tell(f"Token {token_id} is revoked.")


def _call(method: str, path: str, **options: Any) -> Any:
    from mainspring.cli.client import ask

    return ask(lambda client: client.call(method, path, **options))


def _moment(value: str | None) -> str:
    return value[:16].replace("T", " ") if value else "never"
