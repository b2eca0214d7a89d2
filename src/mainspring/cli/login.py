"""`mainspring login`, `logout` and `whoami`: which server, as whom."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainspring.cli.terminal import CliError, result, tell

if TYPE_CHECKING:
    from mainspring.cli.state import Target


def login(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="The server. Default: http://127.0.0.1:8585.")
    ] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from stdin.")] = False,
    ca: Annotated[
        Path | None,
        typer.Option(
            "--ca", metavar="FILE", exists=True, dir_okay=False, help="The server's ca.pem, for https URLs."
        ),
    ] = None,
) -> None:
    """Save a server and a token, so that the other commands use them.

    The token is asked for, checked, and kept in ~/.config/mainspring/config.toml, readable by you only.

    [bold]Examples[/bold]

    mainspring login

    mainspring login https://box.example:8586 --ca ca.pem --token-stdin < token.txt
    """
    import os

    from mainspring.cli import state

    target = state.Target(state.clean_url(url or os.environ.get("MAINSPRING_URL") or state.DEFAULT_URL))
    saved = state.load_state().servers.get(target.url)
    authority = ca or (saved.ca if saved else None)
    token = _read_token(target.url, token_stdin)
    account = _account(state.Target(target.url, token, authority))
    kept = _keep_authority(target.url, ca) if ca else authority
    file = state.save_state(state.with_login(state.load_state(), target.url, state.Login(token, kept)))
    tell(f"Logged in at {target.url} as {account['username']}; saved in {file}.")


def logout(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="The server; else the current one.")
    ] = None,
) -> None:
    """Forget what `login` saved for a server. The token itself stays valid until it is revoked.

    [bold]Examples[/bold]

    mainspring logout

    mainspring logout https://box.example:8586
    """
    from mainspring.cli import state

    known = state.load_state()
    name = state.clean_url(url) if url else known.current
    if not name or name not in known.servers:
        raise CliError(f"There is no login{f' at {name}' if name else ''}.", "\n".join(known.servers))
    saved = known.servers[name]
    if saved.ca and saved.ca.parent == state.config_directory() / "authorities":
        saved.ca.unlink(missing_ok=True)
        saved.ca.with_suffix(".bundle.pem").unlink(missing_ok=True)
    state.save_state(state.without_login(known, name))
    tell(f"Logged out of {name}.")


def whoami() -> None:
    """Print the account and the server that commands speak to.

    [bold]Examples[/bold]

    mainspring whoami
    """
    from mainspring.cli.state import find_target

    target = find_target()
    account = _account(target)
    result(f"{account['username']} at {target.url}")


def _account(target: Target) -> dict[str, Any]:
    from mainspring.cli.client import ask

    account: dict[str, Any] = ask(lambda client: client.get("/v1/account"), target)
    return account


def _read_token(url: str, from_stdin: bool) -> str:
    if from_stdin:
        token = sys.stdin.readline()
    elif sys.stdin.isatty():
        token = typer.prompt(f"Token for {url}", hide_input=True, err=True)
    else:
        raise CliError("There is no terminal to ask for the token.", "Give it on stdin: --token-stdin < FILE")
    if not re.fullmatch(r"[!-~]+", token.strip()):
        raise CliError("That is no token: it must be one word.")
    return str(token.strip())


def _keep_authority(url: str, ca: Path) -> Path:
    from mainspring.cli.state import config_directory

    directory = config_directory() / "authorities"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = directory / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', url.partition('://')[2])}.pem"
    kept.write_bytes(ca.read_bytes())
    return kept
