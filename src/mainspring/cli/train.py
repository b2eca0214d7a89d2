"""`mainspring train`: a training from the terminal, and the version that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainspring.cli.reference import Reference, parse_reference
from mainspring.cli.run import Inputs, create, explain, schema_or_help, until_end
from mainspring.cli.terminal import AsJson, CliError, result, result_json, tell

if TYPE_CHECKING:
    from mainspring.cli.client import Client


def train(
    model: Annotated[
        str, typer.Argument(metavar="OWNER/NAME[:VERSION]", help="The model to train, or one version of it.")
    ],
    destination: Annotated[
        str,
        typer.Option(
            "--destination",
            "-d",
            metavar="OWNER/NAME",
            help="The model of yours that gets the new version; made, as a private one, when there is none.",
        ),
    ],
    inputs: Inputs = None,
    as_json: AsJson = False,
) -> None:
    """Train a model: its logs go to stderr, the name of the new version to stdout. Ctrl-C cancels it.

    Values become what train() wants, as with `mainspring run`.

    [bold]Examples[/bold]

    mainspring train acme/imitator --destination ada/keeper -i text=@harbour.txt

    mainspring train acme/imitator:3f0c… -d ada/keeper -i text=@harbour.txt -i epochs=9 --json | jq .metrics
    """
    import asyncio

    call = _Call(parse_reference(model), parse_reference(destination), tuple(inputs or ()), as_json)
    if call.destination.version:
        raise CliError("A destination is a model, written owner/name.", "A training makes the version.")
    if not asyncio.run(_train(call)):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Call:
    model: Reference
    destination: Reference
    inputs: tuple[str, ...]
    as_json: bool


async def _train(call: _Call) -> bool:
    from mainspring.cli.client import Client
    from mainspring.cli.progress import Screen

    async with Client() as client:
        training = await _create(client, call)
        with Screen() as screen:
            final = await until_end(client, training, screen, stream=False, noun="training")
    if call.as_json:
        result_json(final)
    elif final["status"] == "succeeded":
        result(str(final["output"]["version"]))
        tell(f"Use it: mainspring run {call.destination}")
    if final["status"] != "succeeded":
        await explain(final, "training")
    return bool(final["status"] == "succeeded")


async def _create(client: Client, call: _Call) -> dict[str, Any]:
    from mainspring.cli.client import Refused
    from mainspring.cli.inputs import describe, read_inputs

    schema = await schema_or_help(client, call.model, "Training")
    if not schema.known:
        raise CliError(f"{call.model} can't be trained.", "Its cog.yaml names nothing as `train`.")
    version = call.model.version or (await client.get(call.model.path))["latest_version"]["id"]
    given = {"destination": str(call.destination), "input": await read_inputs(client, schema, call.inputs)}
    await _ensure(client, call.destination)
    try:
        return await create(client, f"{call.model.path}/versions/{version}/trainings", given, "training")
    except Refused as error:
        if error.status == 422:
            raise CliError(str(error), describe(schema.inputs())) from None
        raise


async def _ensure(client: Client, destination: Reference) -> None:
    """See that there is a model to train into."""
    from mainspring.cli.client import Refused

    try:
        await client.get(destination.path)
    except Refused as error:
        if error.status != 404:
            raise
        new = {"owner": destination.owner, "name": destination.name, "visibility": "private"}
        await client.call("POST", "/v1/models", json={**new, "hardware": "cpu"})
        tell(f"made {destination}, a private model")
