"""A small server that speaks as the platform does, and remembers what it was told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

TOKEN = "ms_test-token"
VERSION = "ab" * 32


def schema(
    inputs: dict[str, Any], output: dict[str, Any], *, required: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    ordered = {name: {**prop, "x-order": n} for n, (name, prop) in enumerate(inputs.items())}
    made = {"type": "object", "properties": ordered, "required": list(required)}
    return {"components": {"schemas": {"Input": made, "Output": output, **more}}}


TEXT = {"type": "string"}
PIECES = {
    "type": "array",
    "items": TEXT,
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
}
FILE = {"type": "string", "format": "uri"}


@dataclass
class Double:
    """What the server is to say, and what it was told."""

    url: str = ""
    document: dict[str, Any] = field(
        default_factory=lambda: schema({"prompt": TEXT}, TEXT, required=("prompt",))
    )
    states: list[dict[str, Any]] = field(default_factory=lambda: [{"status": "succeeded", "output": "hi"}])
    stream: Callable[[str], Iterator[str]] | None = None
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    push_lines: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    instances: list[dict[str, Any]] = field(default_factory=list)
    refusal: tuple[int, dict[str, Any]] | None = None
    created: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    uploads: list[tuple[str, str, bytes]] = field(default_factory=list)
    pushed: list[tuple[dict[str, str], bytes, str]] = field(default_factory=list)
    changed: list[tuple[str, str, Any]] = field(default_factory=list)
    stream_headers: list[dict[str, str]] = field(default_factory=list)
    file_headers: list[dict[str, str]] = field(default_factory=list)
    canceled: threading.Event = field(default_factory=threading.Event)
    polled: threading.Event = field(default_factory=threading.Event)
    creating: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.creating.set()

    def prediction(self, state: dict[str, Any]) -> dict[str, Any]:
        urls = {"get": f"{self.url}/v1/predictions/p1", "cancel": f"{self.url}/v1/predictions/p1/cancel"}
        if self.stream:
            urls["stream"] = f"{self.url}/v1/streams/s1"
        return {"id": "p1", "logs": "", "output": None, "error": None, "urls": urls, **state}

    def routes(self) -> list[Route]:
        route = Route
        return [
            route("/v1/account", self.account, methods=["GET", "PATCH"]),
            route("/v1/fleet", self.fleet),
            route("/v1/models", self.list_models, methods=["GET", "POST"]),
            route("/v1/models/{owner}/{name}", self.model, methods=["GET", "PATCH"]),
            route("/v1/models/{owner}/{name}/versions/{version}", self.version),
            route("/v1/models/{owner}/{name}/predictions", self.create, methods=["POST"]),
            route("/v1/models/{owner}/{name}/push", self.push, methods=["POST"]),
            route("/v1/models/{owner}/{name}/versions/{version}/trainings", self.create, methods=["POST"]),
            route("/v1/predictions", self.create, methods=["POST"]),
            route("/v1/predictions/p1", self.poll),
            route("/v1/predictions/p1/cancel", self.cancel, methods=["POST"]),
            route("/v1/streams/s1", self.streamed),
            route("/v1/files", self.upload, methods=["POST"]),
            route("/outputs/{name:path}", self.output),
            route("/v1/tokens", self.tokens, methods=["GET", "POST"]),
            route("/v1/tokens/{id}", self.revoke, methods=["DELETE"]),
        ]

    def refused(self, request: Request) -> Response | None:
        given = request.headers.get("authorization")
        if given != f"Bearer {TOKEN}":
            said = {
                "title": "Unauthenticated",
                "detail": "You did not pass a valid authentication token",
                "status": 401,
            }
            return JSONResponse(said, 401, media_type="application/problem+json")
        return None

    async def fleet(self, request: Request) -> Response:
        return JSONResponse({"instances": self.instances})

    async def account(self, request: Request) -> Response:
        body = {"type": "user", "username": "ada", "name": "ada", "retention": "2h"}
        if request.method == "PATCH":
            self.changed.append(("PATCH", request.url.path, asked := await request.json()))
            body |= asked
        return self.refused(request) or JSONResponse(body)

    def described(self) -> dict[str, Any]:
        latest = {"id": VERSION, "openapi_schema": self.document} if self.document else None
        return {
            "owner": "acme",
            "name": "hello",
            "visibility": "private",
            "run_count": 3,
            "latest_version": latest,
        }

    async def list_models(self, request: Request) -> Response:
        if request.method == "POST":
            self.changed.append(("POST", request.url.path, await request.json()))
            return JSONResponse(self.described(), 201)
        start = int(request.query_params.get("cursor", 0))
        following = f"{self.url}/v1/models?cursor={start + 2}" if start + 2 < len(self.models) else None
        return JSONResponse({"next": following, "previous": None, "results": self.models[start : start + 2]})

    async def model(self, request: Request) -> Response:
        if request.path_params["name"] == "missing":
            return JSONResponse({"detail": "The requested resource could not be found.", "status": 404}, 404)
        if request.method == "PATCH":
            self.changed.append(("PATCH", request.url.path, await request.json()))
        return self.refused(request) or JSONResponse(self.described())

    async def version(self, request: Request) -> Response:
        return JSONResponse({"id": request.path_params["version"], "openapi_schema": self.document})

    async def create(self, request: Request) -> Response:
        self.created.append((request.url.path, await request.json()))
        if self.refusal:
            return JSONResponse(self.refusal[1], self.refusal[0], media_type="application/problem+json")
        await asyncio.to_thread(self.creating.wait, 60)
        return self.refused(request) or JSONResponse(self.prediction({"status": "starting"}), 201)

    async def poll(self, request: Request) -> Response:
        self.polled.set()
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if self.canceled.is_set():
            state = {"status": "canceled"}
        return JSONResponse(self.prediction(state))

    async def cancel(self, request: Request) -> Response:
        self.canceled.set()
        return JSONResponse(self.prediction({"status": "canceled"}))

    async def streamed(self, request: Request) -> Response:
        assert self.stream
        self.stream_headers.append(dict(request.headers))
        events = self.stream(request.headers.get("last-event-id", ""))
        return StreamingResponse(events, media_type="text/event-stream")

    async def upload(self, request: Request) -> Response:
        if self.refusal:
            return JSONResponse(self.refusal[1], self.refusal[0])
        part: Any = (await request.form())["content"]
        self.uploads.append((part.filename, part.content_type, await part.read()))
        return JSONResponse({"id": "f1", "urls": {"get": f"{self.url}/v1/files/f{len(self.uploads)}"}}, 201)

    async def output(self, request: Request) -> Response:
        self.file_headers.append(dict(request.headers))
        kind, content = self.files[request.path_params["name"]]
        return Response(content, media_type=kind)

    async def push(self, request: Request) -> Response:
        content = await request.body()
        self.pushed.append((dict(request.query_params), content, request.headers["content-type"]))
        if self.refusal:
            return JSONResponse(self.refusal[1], self.refusal[0], media_type="application/problem+json")
        lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in self.push_lines)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def tokens(self, request: Request) -> Response:
        token = {"id": "t1", "name": "first", "prefix": "ms_ab", "last_four": "wxyz", "disabled_at": None}
        token |= {"created_at": "2026-11-21T05:06:07Z", "last_used_at": None, "expires_at": None}
        token |= {"scopes": ["read"]}
        if request.method == "POST":
            return JSONResponse({**token, **await request.json(), "token": "ms_new"}, 201)
        return self.refused(request) or JSONResponse({"results": [token], "next": None, "previous": None})

    async def revoke(self, request: Request) -> Response:
        self.changed.append(("DELETE", request.url.path, None))
        return Response(status_code=204)
