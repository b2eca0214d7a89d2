"""`mainspring serve`: starts the platform and says how to reach it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mainspring.serving import Announcement
    from mainspring.settings import Settings


Host = Annotated[
    str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every one. Default: 127.0.0.1.")
]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port for HTTP. Default: 8585.")]
TlsPort = Annotated[int | None, typer.Option(min=0, max=65535, help="Port for HTTPS. Default: 8586.")]
Data = Annotated[Path | None, typer.Option(metavar="DIR", help="Where everything is kept. Default: data.")]
Config = Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file of settings.")]
FirstAccount = Annotated[
    str | None, typer.Option(help="The account that the first start makes. Default: mainspring.")
]
Durable = Annotated[
    bool | None, typer.Option("--durable/--no-durable", help="Flush each commit: survive a power loss too.")
]
Isolate = Annotated[str | None, typer.Option(help="Confine models: auto, require or off. Default: auto.")]
PrivateUrls = Annotated[
    bool | None,
    typer.Option("--private-urls/--public-urls", help="Let inputs name URLs of private addresses."),
]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error. Default: info.")]
Pushes = Annotated[
    list[Path] | None,
    typer.Option(
        "--push",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Push this project at start. Again for more.",
    ),
]


def serve(
    host: Host = None,
    port: Port = None,
    tls_port: TlsPort = None,
    data: Data = None,
    config: Config = None,
    account: FirstAccount = None,
    durable: Durable = None,
    isolate: Isolate = None,
    private_urls: PrivateUrls = None,
    log_level: LogLevel = None,
    push: Pushes = None,
) -> None:
    """Start the platform: its page, Replicate's API over HTTP and HTTPS, and the models.

    The first start makes an account and a token, and shows the token once (MAINSPRING_TOKEN gives one instead).
    Every setting can also stand in the file of --config as name = value, or in the environment as MAINSPRING_NAME.
    SIGTERM or Ctrl-C lets running predictions end; a second one stops at once.

    [bold]Examples[/bold]

    mainspring serve

    mainspring serve --host 0.0.0.0 --data /srv/mainspring --push models/mainspring/hello-world
    """
    from mainspring.settings import load_settings

    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "tls_port": tls_port,
        "data": data,
        "account": account,
    }
    given |= {"durable": durable, "isolate": isolate, "private_urls": private_urls, "log_level": log_level}
    settings = _from_here(load_settings(config, **given), push or [])
    from mainspring.serving import serve as start

    raise typer.Exit(start(settings, announce=announce))


def _from_here(settings: Settings, pushes: list[Path]) -> Settings:
    """The settings with absolute paths, as models run in directories of their own, and with these pushes added."""
    from dataclasses import replace

    named = [*filter(None, settings.bundled.split(":")), *(str(d.resolve()) for d in pushes)]
    return replace(settings, data=settings.data.resolve(), bundled=":".join(named))


def announce(announcement: Announcement) -> None:
    """Says on stdout where everything is, with lines to copy into another terminal."""
    data = shlex.quote(str(announcement.ca_file.resolve().parent))
    typer.secho(f"Mainspring is running, as {announcement.account}.", bold=True)
    rows = [
        ("page", announcement.page_url),
        ("sign in", f"{announcement.sign_in_url}  (once, within an hour)"),
        ("API", announcement.api_url),
        ("API, TLS", announcement.tls_api_url),
    ]
    rows += [("token", f"{announcement.token}  (shown this once)")] if announcement.token else []
    for name, value in rows:
        typer.echo(f"  {name:<9} {value}")
    typer.echo("\nIn another terminal, for every client:")
    if announcement.token:
        typer.secho(f"  export MAINSPRING_TOKEN={shlex.quote(announcement.token)}", fg="cyan")
    command = "mainspring" if shutil.which("mainspring") else shlex.quote(os.path.abspath(sys.argv[0]))
    typer.secho(f'  eval "$({command} env --data {data})"', fg="cyan")
    typer.secho(f"  {command} model list", fg="cyan")
