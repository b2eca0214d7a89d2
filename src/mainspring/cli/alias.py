"""`mainspring alias`: ids that stand for versions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.calls import call, quoted
from mainspring.cli.terminal import AsJson, show_list, tell

app = typer.Typer(no_args_is_help=True, help="Ids that stand for versions: list, set, remove.")


@app.command("list")
def list_aliases(as_json: AsJson = False) -> None:
    """List the ids that stand for versions; those of the catalogue and your own.

    [bold]Examples[/bold]

    mainspring alias list
    """
    found = call("GET", "/v1/aliases")["results"]
    show_list(found, ("id", "stands for", "from"), _cells, as_json=as_json)


@app.command("set")
def set_alias(
    alias: Annotated[str, typer.Argument(metavar="ID", help="The id that programs ask for.")],
    version: Annotated[
        str,
        typer.Argument(
            metavar="OWNER/NAME[:VERSION]", help="What runs: this version, or the model's latest."
        ),
    ],
) -> None:
    """Let an id stand for a version, so that a program which names that id runs unchanged.

    Predictions made with it carry the id that was asked for, and say beside it what ran.

    [bold]Examples[/bold]

    mainspring alias set cdd97b257f93cb89dede1c7584df59efd8f09f98c99a9f02e1a23c6cf6ba7ab3 openai/whisper
    """
    made = call("PUT", f"/v1/aliases/{quoted(alias)}", json={"version": version})
    tell(f"{made['id']} is now {made['model']}" + (f":{made['version']}" if made["version"] else ""))


@app.command("remove")
def remove_alias(
    alias: Annotated[str, typer.Argument(metavar="ID", help="The id.")],
) -> None:
    """Forget an alias.

    [bold]Examples[/bold]

    mainspring alias remove cdd97b257f93cb89dede1c7584df59efd8f09f98c99a9f02e1a23c6cf6ba7ab3
    """
    call("DELETE", f"/v1/aliases/{quoted(alias)}")
    tell(f"{alias} stands for nothing any more.")


def _cells(alias: dict[str, Any]) -> tuple[str, ...]:
    meant = f"{alias['model']}:{alias['version'][:12]}" if alias["version"] else alias["model"]
    return alias["id"], meant, "catalogue" if alias["listed"] else "operator"
