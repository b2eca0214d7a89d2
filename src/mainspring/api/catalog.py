"""The catalogue: what could be installed, and installing it. Ours; Replicate has its models already."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate, operator
from mainspring.api.context import context
from mainspring.api.lines import Say, told
from mainspring.api.operation import Operation
from mainspring.api.rehearsing import Rehearsal
from mainspring.api.showing import show_installed
from mainspring.api.wire import Body, base_url, decode, read_body, reply
from mainspring.bundle.catalogue import Entry
from mainspring.core.errors import InvalidRequest, NotFound
from mainspring.core.people import Scope
from mainspring.records.catalog import Model
from mainspring.records.installed import Installed
from mainspring.services.downloads import Progress
from mainspring.services.installer import Choice, InstallError

_MOST_BYTES = 1 << 16
_STEP = 4 << 20


class InstallBody(Body):
    """POST /catalog/{owner}/{name}.

    weights: a directory of the server's machine, the URL of a prefix in an object store, or hub://OWNER/NAME@COMMIT
    (hub:// alone: the hub's that the catalogue pins); weights_name: what they are called; own: they are the model's
    own. example: run the model's example in any case, or in none, and show the model with it; null: unless it is there,
    or too much for this machine.
    """

    weights: str | None = None
    weights_name: str | None = None
    own: bool = False
    example: bool | None = None


class WeightsReply(msgspec.Struct):
    """Whose weights a model runs with. own: they are those that its name promises."""

    name: str
    own: bool


class InstalledReply(msgspec.Struct):
    """A model of the catalogue that is here. version: its latest."""

    version: str | None
    weights: WeightsReply | None
    installed_at: str


class EntryReply(msgspec.Struct):
    """A model of the catalogue. Sizes in bytes. weights: where they come from: package, hub or directory.

    weights_download: what its files on the hub take on top of `download` and `disk`.
    """

    owner: str
    name: str
    description: str
    hardware: str
    gpu_memory: int
    memory: int
    download: int
    disk: int
    license: str
    weights_license: str
    weights: str
    weights_download: int
    versions: list[str]
    installed: InstalledReply | None


class EntriesReply(msgspec.Struct):
    """The catalogue, by name."""

    results: list[EntryReply]


async def list_entries(request: Request) -> Response:
    """GET /catalog."""
    await authenticate(request)
    ctx = context(request)
    installed = {each.model: each for each in await ctx.installed.list()}
    entries = [
        await _render(request, entry, installed.get(entry.full_name))
        for entry in ctx.installer.catalogue.entries()
    ]
    return reply(EntriesReply(entries))


async def add(request: Request) -> Response:
    """POST /catalog/{owner}/{name}: install a model, or renew it; the reply is newline-delimited JSON.

    Lines: {"event":"progress","message"}, {"event":"download","file","done","total"} in bytes, at the end
    {"event":"version","id","created","model","url","example"} or {"event":"error","detail"}.
    """
    caller = await authenticate(request)
    operator(request, caller)
    body = decode(await read_body(request, _MOST_BYTES), InstallBody)
    if body.weights is None and (body.weights_name or body.own):
        raise InvalidRequest("weights_name and own describe weights: name their directory too.")
    entry, choice = _entry(request), Choice(body.weights, body.weights_name or None, body.own)

    async def work(say: Say) -> dict[str, Any]:
        progress = _progress(say)
        version, created = await context(request).installer.add(entry, choice, progress)
        rehearsal = Rehearsal(request, caller, version, progress.line)
        shown = await show_installed(rehearsal, entry, body.example)
        url = f"{base_url(request)}/{entry.full_name}"
        return {
            "event": "version",
            "id": version.id,
            "created": created,
            "model": entry.full_name,
            "url": url,
            "example": shown,
        }

    return told(work, f"installation of {entry.full_name}")


async def remove(request: Request) -> Response:
    """DELETE /catalog/{owner}/{name}: the model, its versions, and the weights that were downloaded for it."""
    operator(request, await authenticate(request))
    ctx = context(request)
    try:
        await ctx.installer.remove(f"{request.path_params['owner']}/{request.path_params['name']}")
    except InstallError as error:
        raise NotFound(str(error)) from error
    ctx.hints.hint("scale")
    return Response(status_code=204)


def _entry(request: Request) -> Entry:
    name = f"{request.path_params['owner']}/{request.path_params['name']}"
    found = context(request).installer.catalogue.get(name)
    if found is None:
        raise NotFound(f"The catalogue has no {name}.")
    return found


def _progress(say: Say) -> Progress:
    """Tells of bytes a few times for each file, not at each block."""
    last: dict[str, int] = {}

    def moved(file: str, done: int, total: int) -> None:
        if done == total or done - last.get(file, -_STEP) >= max(_STEP, total // 200):
            last[file] = done
            say({"event": "download", "file": file, "done": done, "total": total})

    return Progress(lambda message: say({"event": "progress", "message": message}), moved)


async def _render(request: Request, entry: Entry, installed: Installed | None) -> EntryReply:
    about = entry.about
    model = await context(request).catalog.get_model(entry.owner, entry.name) if installed else None
    return EntryReply(
        owner=entry.owner,
        name=entry.name,
        description=about.description,
        hardware=about.hardware,
        gpu_memory=about.gpu_memory,
        memory=about.memory,
        download=about.download,
        disk=about.disk,
        license=about.license,
        weights_license=about.weights_license,
        weights=about.source,
        weights_download=about.weights.download if about.weights else 0,
        versions=list(about.versions),
        installed=_installed(installed, model) if installed else None,
    )


def _installed(installed: Installed, model: Model | None) -> InstalledReply:
    version = model.latest_version if model else None
    return InstalledReply(version, whose(installed), installed.installed_at)


def whose(installed: Installed | None) -> WeightsReply | None:
    """What runs in a model; None for weights of a package, or of a model that was not installed from here."""
    if installed is None or installed.weights_name is None:
        return None
    return WeightsReply(installed.weights_name, installed.own)


operations = [
    Operation(
        method="GET",
        path="/catalog",
        handler=list_entries,
        id="catalog.list",
        scope=Scope.READ,
        summary="Models that can be installed",
        reply=EntriesReply,
        ours=True,
    ),
    Operation(
        method="POST",
        path="/catalog/{owner}/{name}",
        handler=add,
        id="catalog.add",
        scope=Scope.ADMIN,
        summary="Install a model of the catalogue",
        about="""The reply is newline-delimited JSON: `{"event": "progress", "message"}`, and
`{"event": "download", "file", "done", "total"}` in bytes; at the end
`{"event": "version", "id", "created", "model", "url", "example"}` or `{"event": "error", "detail"}`; example: id of
the prediction that shows the model because it was installed.""",
        body=InstallBody,
        example={"weights": "/srv/weights/sdxl-base", "own": True},
        reply="application/x-ndjson",
        faults=(403, 404),
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/catalog/{owner}/{name}",
        handler=remove,
        id="catalog.remove",
        scope=Scope.ADMIN,
        summary="Remove an installed model and what was downloaded for it",
        success=204,
        faults=(403, 404, 409),
        ours=True,
    ),
]
