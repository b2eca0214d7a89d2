"""`mainspring run`: one prediction from the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainspring.cli.reference import Reference, parse_reference
from mainspring.cli.terminal import CliError, result, result_json, tell

if TYPE_CHECKING:
    import asyncio

    from mainspring.cli.client import Client
    from mainspring.cli.progress import Screen
    from mainspring.cli.schema import ModelSchema

_CANCEL_WITHIN_S = 15.0
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="NAME=VALUE", help="An input; @FILE is uploaded. Again for more."),
]


def run(
    model: Annotated[
        str, typer.Argument(metavar="OWNER/NAME[:VERSION]", help="The model, or one version of it.")
    ],
    inputs: Inputs = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the prediction as JSON; files are saved only with -o.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where files are saved (else: here).")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream/--no-stream", help="Print a text as it comes, or all of it at the end.")
    ] = True,
    cache: Annotated[
        bool | None,
        typer.Option(
            "--cache/--no-cache",
            help="Take a stored result, if the model is deterministic, or run it in any case. Else: as the model says.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run a model: its result goes to stdout, logs and progress to stderr. Ctrl-C cancels it.

    Values become what the model's inputs want: numbers, true or false, JSON for lists and objects, @FILE for
    files. A list can also be given item by item: -i tags=red -i tags=blue.

    [bold]Examples[/bold]

    mainspring run acme/hello -i text=world

    mainspring run acme/upscale -i image=@photo.jpg -i scale=2 -o pictures

    mainspring run acme/draw -i prompt=owl -i seed=7 --cache

    mainspring run acme/llama:3f0c… -i prompt="Why is the sky blue?" --json | jq .metrics
    """
    import asyncio

    given = tuple(inputs or ())
    call = Call(parse_reference(model), given, as_json, output, stream and not as_json, cache)
    if not asyncio.run(_run(call)):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Call:
    """What the command line asks for."""

    model: Reference
    inputs: tuple[str, ...]
    as_json: bool
    directory: Path | None
    stream: bool
    cache: bool | None


async def find_schema(client: Client, model: Reference, kind: str = "") -> ModelSchema:
    """The schema of the version that is named, else of the latest. Raises CliError when there is none.

    kind: "Training" for what train() takes.
    """
    from mainspring.cli.schema import ModelSchema

    if model.version:
        version = await client.get(f"{model.path}/versions/{model.version}")
    else:
        version = (await client.get(model.path)).get("latest_version")
    if not version:
        raise CliError(f"{model} has no version yet.", f"Push one: mainspring push DIR {model}")
    return ModelSchema(version.get("openapi_schema"), kind)


async def _run(call: Call) -> bool:
    from mainspring.cli.client import Client
    from mainspring.cli.progress import Screen

    async with Client() as client:
        schema = await schema_or_help(client, call.model)
        prediction = await _create(client, call, schema)
        with Screen() as screen:
            final = await until_end(client, prediction, screen, stream=call.stream and schema.streams_text())
        await _show(client, call, schema, final, screen)
        _tell_cached(final)
        return bool(final["status"] == "succeeded")


async def schema_or_help(client: Client, model: Reference, kind: str = "") -> ModelSchema:
    """As find_schema, with help for a name that nobody has. Raises CliError."""
    from mainspring.cli.client import Refused

    try:
        return await find_schema(client, model, kind)
    except Refused as error:
        if error.status != 404:
            raise
        what = f"version {model.version} of {model}" if model.version else f"model {model}"
        raise CliError(f"There is no {what} here.", "`mainspring model list` shows what there is.") from None


async def _create(client: Client, call: Call, schema: ModelSchema) -> dict[str, Any]:
    from mainspring.cli.client import Refused
    from mainspring.cli.inputs import describe, read_inputs

    body: dict[str, Any] = {"input": await read_inputs(client, schema, call.inputs)}
    if call.cache is not None:
        body["cache"] = call.cache
    path = f"{call.model.path}/predictions"
    if call.model.version:
        # Not the id alone: another model can have that version too.
        path, body["version"] = "/v1/predictions", f"{call.model}:{call.model.version}"
    try:
        return await create(client, path, body)
    except Refused as error:
        if error.status == 422 and schema.known:
            raise CliError(str(error), describe(schema.inputs())) from None
        raise


async def until_end(
    client: Client, prediction: dict[str, Any], screen: Screen, *, stream: bool, noun: str = "prediction"
) -> dict[str, Any]:
    """The prediction or training in its terminal state; Ctrl-C cancels it."""
    import asyncio

    from mainspring.cli.follow import follow

    try:
        return await follow(client, prediction, screen, stream=stream)
    except asyncio.CancelledError:
        known = asyncio.get_running_loop().create_future()
        known.set_result(prediction)
        await _cancel(client, known, noun)
        raise


async def create(client: Client, path: str, body: dict[str, Any], noun: str = "prediction") -> dict[str, Any]:
    """What the server made of the request; Ctrl-C while its reply is on the way cancels that too."""
    import asyncio

    asked: asyncio.Future[dict[str, Any]] = asyncio.ensure_future(client.call("POST", path, json=body))
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        await _cancel(client, asked, noun)
        raise


async def _cancel(client: Client, made: asyncio.Future[dict[str, Any]], noun: str) -> None:
    import asyncio

    tell("\ncanceling…")
    try:
        async with asyncio.timeout(_CANCEL_WITHIN_S):
            name = (await made)["id"]
            await client.call("POST", f"/v1/predictions/{name}/cancel")
        tell(f"{noun} {name} was canceled")
    except (CliError, TimeoutError) as error:
        tell(f"the {noun} could not be canceled: {error or 'no answer'}")


async def _show(
    client: Client, call: Call, schema: ModelSchema, final: dict[str, Any], screen: Screen
) -> None:
    from mainspring.cli.results import as_text, save_files

    output = final.get("output")
    if output is not None and (call.directory or not call.as_json):
        output = await save_files(client, schema, output, call.directory or Path())
    if call.as_json:
        result_json({**final, "output": output})
    else:
        _finish_text(as_text(output, schema) if output is not None else "", screen)
    if final["status"] != "succeeded":
        await explain(final)


def _tell_cached(final: dict[str, Any]) -> None:
    cached = final.get("cached")
    if cached:
        how = "by a run under way" if cached.get("joined") else f"from a result {cached['age']:.0f} s old"
        tell(f"answered {how}: {cached['seconds_saved']:.1f} s and ${cached['amount_saved']} saved")


def _finish_text(whole: str, screen: Screen) -> None:
    rest = whole[len(screen.shown_text) :]
    if not whole.startswith(screen.shown_text):
        tell("\nIt was run again; this is its whole output:")
        rest = whole
    if rest or screen.line_open:
        result(rest, newline=not rest.endswith("\n"))


async def explain(final: dict[str, Any], noun: str = "prediction") -> None:
    """Tell why it did not succeed."""
    reason = final.get("error") or {"aborted": "its deadline passed before it could start"}.get(
        final["status"], ""
    )
    tell(f"{final['status']}{f': {reason}' if reason else ''}")
    if final["status"] == "failed" and not (final.get("logs") or "").strip():
        tell("It wrote no logs.")
    tell(f"{noun} {final['id']}")
