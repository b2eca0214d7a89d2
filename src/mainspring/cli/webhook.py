"""`mainspring webhook`: deliveries, those that were given up, and the signing secret."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.calls import call, pages, quoted
from mainspring.cli.terminal import AsJson, result, show_list, tell

app = typer.Typer(
    no_args_is_help=True, help="Look at webhook deliveries, send them again, get the signing secret."
)


@app.command("list")
def list_deliveries(
    prediction: Annotated[str, typer.Argument(metavar="PREDICTION", help="The prediction's id.")],
    as_json: AsJson = False,
) -> None:
    """List the webhook deliveries of a prediction, with their latest try.

    [bold]Examples[/bold]

    mainspring webhook list m420tb253nrm60cj09c8hwfgxw
    """
    _show(call("GET", f"{_path(prediction)}/deliveries")["results"], as_json)


@app.command("dead")
def list_dead(as_json: AsJson = False) -> None:
    """List deliveries that were given up after the last try, newest first.

    [bold]Examples[/bold]

    mainspring webhook dead
    """
    _show(_dead(), as_json)


@app.command("resend")
def resend(
    prediction: Annotated[
        str | None, typer.Argument(metavar="[PREDICTION]", help="The prediction's id.", show_default=False)
    ] = None,
    event: Annotated[
        str, typer.Option(metavar="EVENT", help="start, output, logs or completed.")
    ] = "completed",
    every: Annotated[bool, typer.Option("--all-dead", help="All that were given up.")] = False,
) -> None:
    """Send a webhook again, with the same webhook-id, from the first try on.

    [bold]Examples[/bold]

    mainspring webhook resend m420tb253nrm60cj09c8hwfgxw

    mainspring webhook resend --all-dead
    """
    if every == (prediction is not None):
        raise typer.BadParameter("name a prediction, or give --all-dead")
    wanted = [(d["prediction"], d["event"]) for d in _dead()] if every else [(prediction, event)]
    for one, what in wanted:
        call("POST", f"{_path(str(one))}/deliveries/{one}-{what}/resend")
    tell(f"{len(wanted)} will be sent again." if every else f"{event} of {prediction} will be sent again.")


@app.command("secret")
def show_secret() -> None:
    """Print the secret that webhooks are signed with.

    [bold]Examples[/bold]

    export WEBHOOK_SECRET=$(mainspring webhook secret)
    """
    result(call("GET", "/v1/webhooks/default/secret")["key"])


@app.command("rotate")
def rotate_secret() -> None:
    """Replace the signing secret and print the new one; for a day, both sign.

    [bold]Examples[/bold]

    mainspring webhook rotate
    """
    made = call("POST", "/v1/webhooks/default/secret/rotate")
    if made["previous_expires_at"]:
        tell(f"The secret before this one signs as well until {made['previous_expires_at'][:16]}Z.")
    result(made["key"])


def _show(deliveries: list[dict[str, Any]], as_json: bool) -> None:
    columns = ("prediction", "event", "state", "tries", "latest", "next", "url")
    show_list(deliveries, columns, _cells, as_json=as_json, empty="Nothing to show.")


def _cells(delivery: dict[str, Any]) -> tuple[str, ...]:
    tries = delivery["attempts"]
    latest = (tries[-1]["error"] or str(tries[-1]["status"])) if tries else ""
    told = (delivery[key] for key in ("prediction", "event", "state"))
    return *told, str(len(tries)), latest, (delivery["next_attempt_at"] or "")[:19], delivery["url"]


def _dead() -> list[dict[str, Any]]:
    return pages("/v1/webhooks/dead", 10_000)


def _path(prediction: str) -> str:
    return f"/v1/predictions/{quoted(prediction)}"
