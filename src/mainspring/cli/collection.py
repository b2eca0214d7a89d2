"""`mainspring collection`: models that belong together, for people to find."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mainspring.cli.calls import call, pages, quoted
from mainspring.cli.terminal import AsJson, CliError, show_list, tell

app = typer.Typer(no_args_is_help=True, help="List, make and delete collections of models.")
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Its name in addresses: lower case with dashes.")]


@app.command("list")
def list_collections(as_json: AsJson = False) -> None:
    """List the collections of this platform.

    [bold]Examples[/bold]

    mainspring collection list
    """
    columns = ("slug", "name", "description")
    show_list(
        pages("/v1/collections"),
        columns,
        lambda one: [one[column] for column in columns],
        as_json=as_json,
        empty="There are no collections yet. Make one: mainspring collection put SLUG owner/name",
    )


@app.command("put")
def put_collection(
    slug: Slug,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[OWNER/NAME]...", help="Its models, in this order.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name for people.")] = None,
    description: Annotated[str, typer.Option(help="One sentence on what is in it.")] = "",
    full_description: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A Markdown file that says more.")
    ] = None,
) -> None:
    """Make a collection, or replace the one that has this slug. Only the operator's account can.

    [bold]Examples[/bold]

    mainspring collection put text-to-speech acme/voice acme/reader --name "Text to speech"
    """
    body: dict[str, Any] = {
        "name": name or slug.replace("-", " ").capitalize(),
        "description": description,
        "models": models or [],
    }
    if full_description is not None:
        try:
            body["full_description"] = full_description.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{full_description}: {error}") from None
    count = len(call("PUT", f"/v1/collections/{quoted(slug)}", json=body)["models"])
    tell(f"{slug} has {count} {'model' if count == 1 else 'models'} that you can see now.")


@app.command("delete")
def delete_collection(slug: Slug) -> None:
    """Delete a collection; its models stay.

    [bold]Examples[/bold]

    mainspring collection delete text-to-speech
    """
    call("DELETE", f"/v1/collections/{quoted(slug)}")
    tell(f"{slug} is deleted.")
