"""The tree of commands, and the one place where an error becomes words on the terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mainspring import __version__
from mainspring.cli import (
    account,
    alias,
    audit,
    cache,
    catalog,
    collection,
    deployment,
    doctor,
    env,
    limit,
    login,
    model,
    org,
    push,
    run,
    serve,
    token,
    train,
    usage,
    webhook,
)
from mainspring.cli.terminal import tell_error
from mainspring.core.errors import MainspringError


class Commands(TyperGroup):
    """Tells of our own errors in words instead of a traceback; exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MainspringError as error:
            tell_error(error)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mainspring {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Start with `mainspring doctor`, then `mainspring serve`; each command has its own --help."
)
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run machine-learning models behind Replicate's API, on machines you own."""


app.command("serve")(serve.serve)
app.command("run")(run.run)
app.command("train")(train.train)
app.command("push")(push.push)
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("whoami")(login.whoami)
app.add_typer(account.app, name="account")
app.add_typer(token.app, name="token")
app.add_typer(org.app, name="org")
app.command("audit")(audit.audit)
app.add_typer(model.app, name="model")
app.add_typer(catalog.app, name="catalog")
app.add_typer(alias.app, name="alias")
app.add_typer(deployment.app, name="deployment")
app.add_typer(collection.app, name="collection")
app.add_typer(webhook.app, name="webhook")
app.add_typer(limit.app, name="limit")
app.command("usage")(usage.usage)
app.add_typer(cache.app, name="cache")
app.command("env")(env.env)
app.command("doctor")(doctor.doctor)
