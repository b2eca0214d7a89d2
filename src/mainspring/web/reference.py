"""The reference of the API as a page, made from the document that the API publishes."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.web.addresses import addresses
from mainspring.web.site import Site

_METHODS = {"x-query": "QUERY"}
_DEEPEST = 4
Schema = Mapping[str, Any]
Text = list[tuple[bool, str]]


@dataclass(frozen=True, slots=True)
class Field:
    """A row of a table. refers: a type that has a table of its own; description: (is code, text) pieces."""

    name: str
    type: str
    refers: str | None
    place: str
    required: bool
    description: Text


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation. fields: what its path, query, headers and body take; call: a command line that tries it."""

    id: str
    method: str
    path: str
    summary: str
    about: Text
    ours: bool
    open: bool
    scope: str | None
    fields: list[Field]
    status: str
    reply: Field
    faults: list[str]
    call: str


def routes(site: Site) -> list[BaseRoute]:
    """GET /docs/api."""

    async def get(request: Request) -> Response:
        response = await site.page(request, "reference.html", **_shown(request))
        return _packed(response) if "gzip" in request.headers.get("accept-encoding", "") else response

    return [Route("/docs/api", get, methods=["GET"])]


def _packed(response: Response) -> Response:
    """The page compressed: it is long, says the same over and over, and has no secret in it."""
    packed = gzip.compress(bytes(response.body), 6, mtime=0)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    packing = {"content-encoding": "gzip", "vary": f"{headers['vary']}, Accept-Encoding"}
    return Response(packed, response.status_code, headers | packing)


def _shown(request: Request) -> dict[str, Any]:
    """What the template needs."""
    document: Schema = request.app.state.document()
    base = addresses(request, request.app.state.context.settings).here
    groups: dict[str, list[Entry]] = {tag["name"]: [] for tag in document["tags"]}
    for path, entries in document["paths"].items():
        for method, entry in entries.items():
            groups[entry["tags"][0]].append(_entry(document, base, path, method, entry))
    return {
        "about": [_text(paragraph) for paragraph in document["info"]["description"].split("\n\n")],
        "groups": groups,
        "types": {
            name: (_text(schema.get("description", "")), list(_fields(schema, "")))
            for name, schema in document["components"]["schemas"].items()
        },
        "problems": {
            status: told["description"] for status, told in document["components"]["responses"].items()
        },
        "base": base,
    }


def _entry(document: Schema, base: str, path: str, method: str, entry: Schema) -> Entry:
    method = _METHODS.get(method, method.upper())
    status, reply = next((s, r) for s, r in entry["responses"].items() if s < "400")
    content = reply.get("content", {})
    given = [_field(one["name"], one["schema"], one["in"], one) for one in entry.get("parameters", ())]
    return Entry(
        id=entry["operationId"],
        method=method,
        path=f"/v1{path}",
        summary=entry["summary"],
        about=_text(entry.get("description", "")),
        ours=entry.get("x-ours", False),
        open=entry.get("security") == [],
        scope=entry.get("x-scope"),
        fields=[*given, *_body(document, entry)],
        status=status,
        reply=_reply(content),
        faults=[s for s in entry["responses"] if s >= "400"],
        call=_call(document, base, path, method, entry),
    )


def _reply(content: Schema) -> Field:
    for media, told in content.items():
        field = _field("", told["schema"], "", {})
        return field if media == "application/json" else Field("", media, None, "", True, [])
    return Field("", "nothing", None, "", True, [])


def _body(document: Schema, entry: Schema) -> Iterator[Field]:
    """The fields of a JSON or form body; another kind of body is one field."""
    if "requestBody" not in entry:
        return
    media, told = next(iter(entry["requestBody"]["content"].items()))
    schema = _resolved(document, told["schema"])
    if "properties" in schema:
        yield from _fields(schema, "form" if media.startswith("multipart") else "body")
    else:
        yield Field("", media, None, "body", True, [])


def _fields(schema: Schema, place: str) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield _field(name, one, place, {"required": name in required, "description": one.get("description")})


def _field(name: str, schema: Schema, place: str, told: Schema) -> Field:
    about = _text(told.get("description") or schema.get("description") or "")
    words, refers = _type(schema)
    return Field(name, words, refers, place, told.get("required", True), about)


def _type(schema: Schema) -> tuple[str, str | None]:
    """(what a value is, in words; the named type that it refers to)."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name, name
    if "enum" in schema:
        return " | ".join(json.dumps(one) for one in schema["enum"]), None
    if "anyOf" in schema:
        found = [_type(one) for one in schema["anyOf"]]
        return " | ".join(words for words, _ in found), next((refers for _, refers in found if refers), None)
    if schema.get("type") == "array":
        words, refers = _type(schema.get("items", {}))
        return f"list of {words}", refers
    kind = schema.get("type", "any JSON")
    words = " | ".join(kind) if isinstance(kind, list) else kind
    return f"{words} ({schema['format']})" if "format" in schema else words, None


def _call(document: Schema, base: str, path: str, method: str, entry: Schema) -> str:
    """The operation as a command for a shell."""
    shown = re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), path)
    lines = [f"curl -s {base}/v1{shown}"]
    wants_body = "requestBody" in entry
    if method != ("POST" if wants_body else "GET"):
        lines[0] = f"curl -s -X {method} {base}/v1{shown}"
    if entry.get("security") != []:
        lines.append('-H "Authorization: Bearer $REPLICATE_API_TOKEN"')
    if wants_body:
        lines += _sent(document, *next(iter(entry["requestBody"]["content"].items())))
    return " \\\n  ".join(lines)


def _sent(document: Schema, media: str, told: Schema) -> list[str]:
    if media.startswith("multipart"):
        return ["-F content=@FILE"]
    if not media.startswith(("application/json", "text/")):
        return [f'-H "Content-Type: {media}"', "--data-binary @FILE"]
    example = told["example"] if "example" in told else _example(document, told["schema"], 0)
    text = example if media.startswith("text/") else json.dumps(example)
    return [f'-H "Content-Type: {media}"', f"-d {shlex.quote(text)}"]


def _example(document: Schema, schema: Schema, depth: int) -> Any:
    """A value that fits: examples where there are any, else the plainest one; required fields only."""
    schema = _resolved(document, schema)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0], depth)
    if "properties" in schema and depth < _DEEPEST:
        needed = schema.get("required") or list(schema["properties"])[:1]
        return {name: _example(document, schema["properties"][name], depth + 1) for name in needed}
    plain = {"string": "…", "integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
    kind = schema.get("type")
    return plain.get(kind[0] if isinstance(kind, list) else kind or "")


def _resolved(document: Schema, schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _text(markdown: str) -> Text:
    """(is code, text) pieces: `code` is all the Markdown that summaries have."""
    return [(place % 2 == 1, piece) for place, piece in enumerate(markdown.split("`")) if piece]
