"""Push: a packed model source comes in, lines of progress go out, a version is there at the end."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mainspring.api.cache import CacheSettings, cache_changes
from mainspring.api.calling import authenticate, require, require_scope
from mainspring.api.context import context
from mainspring.api.lines import Say, told
from mainspring.api.models import Scaling, scaling_changes
from mainspring.api.operation import Operation
from mainspring.api.rehearsing import Rehearsal
from mainspring.api.resources import Resources, resource_changes
from mainspring.api.showing import show_pushed
from mainspring.api.wire import Body, base_url, convert, refuse
from mainspring.core.catalog import name_fault
from mainspring.core.errors import InvalidField, InvalidInput, TooLarge
from mainspring.core.people import Scope
from mainspring.records.callers import Caller
from mainspring.records.catalog import Model


class PushQuery(Body):
    """What a push may ask of its model, as query parameters."""

    visibility: Literal["public", "private"] | None = None
    description: str | None = None
    min_instances: int | UnsetType = UNSET
    max_instances: int | UnsetType = UNSET
    idle_timeout: float | UnsetType = UNSET
    memory: int | UnsetType = UNSET
    gpu_memory: int | UnsetType = UNSET
    gpus: int | UnsetType = UNSET
    cache: str | UnsetType = UNSET
    deterministic: bool | UnsetType = UNSET
    seed_input: str | UnsetType = UNSET
    example: bool | None = None


async def push(request: Request) -> Response:
    """POST /models/{owner}/{name}/push: a gzipped tar of the source; the reply is newline-delimited JSON.

    Lines: {"event":"progress","message"}, at the end {"event":"version","id","created","model","url",
    "example"} or {"event":"error","detail"}. Query parameters set up the model: visibility, description,
    min_instances, max_instances, idle_timeout, memory, gpu_memory (bytes), gpus, cache, deterministic, seed_input;
    example says whether the project's example is run.
    """
    caller = await authenticate(request)
    owner, name = request.path_params["owner"], request.path_params["name"]
    require(request, caller, owner)
    fault = name_fault(name)
    if fault:
        raise InvalidInput([InvalidField("invalid_name", "name", f"name {fault}")])
    ctx = context(request)
    asked = convert(dict(request.query_params), PushQuery)
    wishes = await _wishes(request, owner, name, asked)
    example = _example(caller, asked)
    incoming = ctx.settings.data / "incoming"
    incoming.mkdir(exist_ok=True)
    archive = Path(tempfile.mkstemp(dir=incoming, suffix=".tar.gz")[1])
    try:
        await _receive(request, archive, ctx.settings.max_source)
    except BaseException:
        archive.unlink(missing_ok=True)
        raise
    return _build(request, archive, _Order(caller, f"{owner}/{name}", wishes, example))


async def _receive(request: Request, archive: Path, limit: int) -> None:
    size = 0
    with archive.open("wb") as out:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise TooLarge(
                    f"A packed model may have at most {limit >> 20} MiB; list what it can do without in .dockerignore"
                )
            out.write(chunk)


@dataclass(frozen=True, slots=True)
class _Order:
    """Who pushes what. wishes: columns of the model to set; example: as `show_pushed` wants it."""

    caller: Caller
    model: str
    wishes: dict[str, Any]
    example: bool | None


def _build(request: Request, archive: Path, order: _Order) -> StreamingResponse:
    async def work(say: Say) -> dict[str, Any]:
        def progress(message: str) -> None:
            say({"event": "progress", "message": message})

        version, created = await context(request).builder.build(archive, order.model, order.wishes, progress)
        shown = await show_pushed(Rehearsal(request, order.caller, version, progress), order.example)
        return {
            "event": "version",
            "id": version.id,
            "created": created,
            "model": order.model,
            "url": f"{base_url(request)}/{order.model}",
            "example": shown,
        }

    return told(work, f"push of {order.model}", lambda: archive.unlink(missing_ok=True))


def _example(caller: Caller, asked: PushQuery) -> bool | None:
    """Whether the example is run, which takes more than the right to push. Raises Forbidden."""
    if asked.example:
        require_scope(caller, Scope.RUN, "a run of the example")
    return asked.example if Scope.RUN in caller.scopes else False


async def _wishes(request: Request, owner: str, name: str, asked: PushQuery) -> dict[str, Any]:
    """The columns of the model that the query sets. Raises InvalidInput or InvalidRequest."""
    model = await context(request).catalog.get_model(owner, name)
    if model is None:
        model = Model(owner=owner, name=name, visibility="public", hardware="cpu", created_at="")
    scaling = Scaling(asked.min_instances, asked.max_instances, asked.idle_timeout)
    plain = {"visibility": asked.visibility, "description": asked.description}
    resources, faults = resource_changes(Resources(asked.memory, asked.gpu_memory, asked.gpus))
    refuse(faults)
    # A new version may have the input that the latest one lacks.
    seed = None if asked.seed_input == "none" else asked.seed_input
    caching = CacheSettings(asked.deterministic, seed, asked.cache)
    kept = await cache_changes(context(request), replace(model, latest_version=None), caching)
    return {
        **{k: v for k, v in plain.items() if v is not None},
        **scaling_changes(scaling, model),
        **resources,
        **kept,
    }


operations = [
    Operation(
        method="POST",
        path="/models/{owner}/{name}/push",
        handler=push,
        id="models.push",
        scope=Scope.PUSH,
        summary="Upload a model's source and make a version of it",
        about="""The body is a gzipped tar of a Cog project; the query sets up its model. The reply is
newline-delimited JSON: `{"event": "progress", "message"}` as the build goes on, at the end
`{"event": "version", "id", "created", "model", "url", "example"}` or `{"event": "error", "detail"}`.

A model that is shown with no example yet is run with the input of its project's `example.json`, in which `"@name"`
stands for the file of that name beside it, and shown with that. `example` runs it in any case (`true`), or in none
(`false`). The run takes the scope `run` as well; example: id of the prediction, or null.""",
        body="application/gzip",
        query=PushQuery,
        reply="application/x-ndjson",
        ours=True,
    ),
]
