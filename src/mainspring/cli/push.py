"""`mainspring push`: packs a project, uploads it, and shows the build."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from mainspring.cli import model_options as options
from mainspring.cli.model_options import said
from mainspring.cli.reference import Reference, parse_reference
from mainspring.cli.terminal import CliError, printable, result, stderr_console, tell

if TYPE_CHECKING:
    from rich.progress import Progress

    from mainspring.cli.client import Client

_BLOCK = 1 << 18


def push(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[DIR] OWNER/NAME", help="The project (else: here), and the model it becomes."
        ),
    ],
    private: Annotated[
        bool | None,
        typer.Option(
            "--private/--public", help="Who sees it: you, or every account. Default: public when new."
        ),
    ] = None,
    description: options.Description = None,
    min_instances: options.MinInstances = None,
    max_instances: options.MaxInstances = None,
    idle_timeout: options.IdleTimeout = None,
    memory: options.Memory = None,
    gpu_memory: options.GpuMemory = None,
    gpus: options.Gpus = None,
    deterministic: options.Deterministic = None,
    seed_input: options.SeedInput = None,
    cache: options.Cache = None,
    example: Annotated[
        bool | None,
        typer.Option(
            "--example/--no-example",
            help="Run the project's example.json in any case, or not. Default: for a model that shows no example yet.",
        ),
    ] = None,
) -> None:
    """Push a Cog project: a new version of a model, built by the server, without Docker.

    The project is a directory with a cog.yaml; .dockerignore names what stays at home. Pushing the same project
    twice gives the same version. The version's name goes to stdout, all else to stderr.

    A project with an example.json, like {"input": {"image": "@photo.jpg"}}, is run with that once: it proves that the
    model works, and the model's page opens with it.

    [bold]Examples[/bold]

    mainspring push acme/hello

    mainspring push models/upscale acme/upscale --public --min-instances 1

    mainspring push acme/draw --seed-input seed --cache 24h
    """
    from mainspring.cli.client import ask

    directory, model = _read_arguments(arguments)
    settings = said(
        description=description,
        min_instances=min_instances,
        max_instances=max_instances,
        idle_timeout=idle_timeout,
        memory=memory,
        gpu_memory=gpu_memory,
        gpus=gpus,
        deterministic=None if deterministic is None else str(deterministic).lower(),
        seed_input=seed_input,
        cache=cache,
        example=None if example is None else str(example).lower(),
    )
    if private is not None:
        settings["visibility"] = "private" if private else "public"
    query = {name: str(value) for name, value in settings.items()}
    ask(lambda client: _push(client, Parcel(directory, model, query)))


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is pushed, where to, and with which settings of the model."""

    directory: Path
    model: Reference
    query: dict[str, str]


def _read_arguments(arguments: list[str]) -> tuple[Path, Reference]:
    if len(arguments) > 2:
        raise CliError("Too many arguments.", "mainspring push [DIR] OWNER/NAME")
    directory = Path(arguments[0] if len(arguments) == 2 else ".")
    model = parse_reference(arguments[-1])
    if model.version:
        raise CliError("A version names itself: push to owner/name.")
    if not (directory / "cog.yaml").is_file():
        raise CliError(
            f"There is no cog.yaml in {directory.resolve()}.",
            "Name the project: mainspring push DIR OWNER/NAME",
        )
    return directory, model


async def _push(client: Client, parcel: Parcel) -> None:
    import asyncio

    await client.get("/v1/account")  # a token that is no good should be told of before anything is packed
    with tempfile.TemporaryFile(prefix="mainspring-") as packed, _Screen() as screen:
        screen.say("packing")
        await asyncio.to_thread(_pack, parcel.directory, packed)
        version = await _upload(client, parcel, packed, screen)
    await _tell_next(client, parcel.model, version)


def _pack(directory: Path, out: IO[bytes]) -> None:
    from mainspring.bundle.source import pack

    pack(directory, out)


async def _upload(client: Client, parcel: Parcel, packed: IO[bytes], screen: _Screen) -> dict[str, Any]:
    from mainspring.cli.client import NO_LIMIT, Unreachable, read_lines

    size = packed.seek(0, 2)
    packed.seek(0)
    headers = {"Content-Type": "application/gzip", "Content-Length": str(size)}
    options: dict[str, Any] = {"headers": headers, "params": parcel.query, "timeout": NO_LIMIT}
    content = _blocks(packed, size, screen)
    async with client.open("POST", f"{parcel.model.path}/push", content=content, **options) as response:
        async for line in read_lines(response.aiter_bytes()):
            event = _decode(line)
            if event["event"] == "progress":
                screen.line(str(event["message"]))
            elif event["event"] == "error":
                raise CliError(f"The build failed.\n{event['detail']}")
            elif event["event"] == "version":
                return event
    raise Unreachable(
        "The connection ended before the build did.", "Push again: what is built already is kept."
    )


async def _blocks(packed: IO[bytes], size: int, screen: _Screen) -> AsyncIterator[bytes]:
    sent = 0
    while block := packed.read(_BLOCK):
        yield block
        sent += len(block)
        screen.sent(sent, size)
    screen.say("building")


def _decode(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line) if line.strip() else {"event": ""}
    except ValueError:
        event = None
    if not isinstance(event, dict) or "event" not in event:
        raise CliError("The server's reply can't be read.", "Is this the URL of Mainspring?")
    return event


class _Screen:
    """The build as it goes: a moving line on a terminal, and each message of the server."""

    def __init__(self) -> None:
        self._console = stderr_console()
        self._live: Progress | None = None

    def __enter__(self) -> _Screen:
        from mainspring.cli.progress import moving_line

        self._live = moving_line(self._console)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, what: str) -> None:
        """What goes on now."""
        if self._live:
            self._live.remove_task(self._live.task_ids[0])
            self._live.add_task(what, total=None)

    def sent(self, sent: int, size: int) -> None:
        """How much of the upload is done, in bytes."""
        if self._live:
            self._live.update(self._live.task_ids[0], description="uploading", total=size, completed=sent)

    def line(self, message: str) -> None:
        """A message of the build."""
        self._console.print(printable(message), style="dim", soft_wrap=True)


async def _tell_next(client: Client, model: Reference, version: dict[str, Any]) -> None:
    from mainspring.cli.schema import ModelSchema
    from mainspring.cli.snippets import command_line, python

    name = f"{model}:{version['id']}"
    found = await client.get(f"{model.path}/versions/{version['id']}")
    fields = ModelSchema(found.get("openapi_schema")).inputs()
    tell(f"{'Pushed' if version.get('created') else 'Already there:'} {name}")
    tell(f"\nRun it:\n\n  {command_line(str(model), fields)}")
    snippet = "\n".join(f"  {line}" for line in python(name, fields).splitlines())
    tell(f'\nor in Python, after eval "$(mainspring env)":\n\n{snippet}\n')
    if version.get("url"):
        tell(f"Its page: {version['url']}")
    result(name)
