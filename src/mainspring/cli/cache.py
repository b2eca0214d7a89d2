"""`mainspring cache`: what requests are answered from without a run, and what that saved."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.calls import call
from mainspring.cli.reference import parse_model
from mainspring.cli.terminal import AsJson, result_json, show_list, tell

app = typer.Typer(
    no_args_is_help=True, help="Show what is answered from stored results, and what that saved; forget them."
)
Model = Annotated[
    str | None,
    typer.Argument(metavar="[OWNER/NAME]", help="One model; all of yours if left out.", show_default=False),
]


@app.command("show")
def show_cache(model: Model = None, as_json: AsJson = False) -> None:
    """Show how often stored results and runs under way answered, what that saved, and what is stored.

    A model takes part once its owner says when its output depends on its input alone:
    mainspring model set OWNER/NAME --deterministic --cache 24h

    [bold]Examples[/bold]

    mainspring cache show

    mainspring cache show acme/hello --json | jq '.results[0].saved'
    """
    found = call("GET", "/v1/cache", params=_named(model))
    if as_json:
        return result_json(found)
    if not found["results"]:
        tell(f"Nothing of {model} is stored." if model else "Nothing is stored.")
        return tell("To use it: mainspring model set OWNER/NAME --deterministic --cache 24h")
    from rich.filesize import decimal

    columns = ("model", "for", "hits", "joined", "seconds saved", "saved", "results", "size")
    show_list(found["results"], columns, _cells)
    used = sum(one["bytes"] or 0 for one in found["results"])
    return tell(
        f"{decimal(used)} of at most {decimal(found['limit'])}; nothing older than {found['max_age']} answers."
    )


@app.command("purge")
def purge_cache(
    model: Model = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Only what is older than this, like 1h.", show_default=False),
    ] = None,
) -> None:
    """Forget stored results, so that the same requests run again. Predictions and their outputs stay.

    [bold]Examples[/bold]

    mainspring cache purge acme/hello

    mainspring cache purge --older-than 1h
    """
    asked = _named(model) | ({"older_than": older_than} if older_than is not None else {})
    purged = call("DELETE", "/v1/cache", params=asked)["purged"]
    tell(f"{purged} stored {'result is' if purged == 1 else 'results are'} forgotten.")


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    from rich.filesize import decimal

    saved = one["saved"]
    stored = ("-", "-") if one["entries"] is None else (str(one["entries"]), decimal(one["bytes"]))
    return (
        one["model"],
        one["account"] or "all accounts",
        str(saved["hits"]),
        str(saved["joined"]),
        f"{saved['seconds_saved']:.1f}",
        f"${saved['amount_saved']}",
        *stored,
    )


def _named(model: str | None) -> dict[str, str]:
    return {} if model is None else {"model": str(parse_model(model))}
