"""Holds every reply against our own OpenAPI document, and against Replicate's where a copy of it lies beside."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from starlette.types import ASGIApp, Message, Receive, Scope, Send

THEIRS = Path(__file__).parents[3] / "shared" / "reference" / "replicate-openapi.json"
_METHODS = {"x-query": "query"}
_ANYTHING = {"*/*", "application/octet-stream"}
ANY: tuple[str, ...] = ("anything",)


class NotAsDescribed(AssertionError):
    """A reply is not what a document says of it."""


@dataclass(frozen=True, slots=True)
class Described:
    """One operation of a document, with a validator for each JSON reply by status."""

    id: str
    method: str
    path: re.Pattern[str]
    replies: dict[str, Any]
    validators: dict[str, jsonschema_rs.Validator]


class Document:
    """An OpenAPI document that replies are held against. strict: properties that it lacks are faults."""

    def __init__(self, source: dict[str, Any], *, strict: bool) -> None:
        self._source = _closed(source) if strict else _modern(source)
        self._strict = strict
        self.operations = [
            self._described(path, method, entry)
            for path, entries in source["paths"].items()
            for method, entry in entries.items()
            if "responses" in entry
        ]
        # As a router does: what is written out goes before what is filled in.
        self.operations.sort(key=lambda one: one.path.pattern.count("[^/]+"))

    def find(self, method: str, path: str) -> Described | None:
        """The operation of a request, path without /v1."""
        return next((o for o in self.operations if o.method == method and o.path.fullmatch(path)), None)

    def check(self, method: str, path: str, status: int, content_type: str, body: bytes) -> str | None:
        """What is wrong with a reply; None when it is as described, or when nothing is said of its request."""
        found = self.find(method, path)
        if found is None:
            return None
        told = found.replies.get(str(status))
        if told is None:
            return f"{found.id} has no reply {status}" if self._strict else None
        if not self._strict and told is not ANY:
            content_type, told = (
                content_type.replace("problem+", ""),
                (*(t.replace("problem+", "") for t in told),),
            )
        if not (told is ANY or content_type in (told or ("",)) or _ANYTHING & set(told)):
            return f"{found.id} {status} is {content_type or 'nothing'}, not {' or '.join(told) or 'nothing'}"
        if content_type.endswith("json") and (validator := found.validators.get(str(status))):
            faults = [
                f"{fault.message} at {fault.instance_path}"
                for fault in validator.iter_errors(json.loads(body))
            ]
            return f"{found.id} {status}: {'; '.join(faults)}" if faults else None
        return None

    def _described(self, path: str, method: str, entry: dict[str, Any]) -> Described:
        replies, validators = {}, {}
        for status, reply in entry["responses"].items():
            if "$ref" in reply:
                reply = self._source["components"]["responses"][reply["$ref"].rpartition("/")[2]]
            content = reply.get("content", {})
            # Replicate's document leaves some bodies out.
            replies[status] = tuple(content) if content or self._strict else ANY
            for kind, media in content.items():
                if kind.endswith("json") and (schema := media.get("schema")):
                    whole = {**_place(schema, self._strict), "components": self._source["components"]}
                    validators[status] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        return Described(
            entry["operationId"], _METHODS.get(method, method).upper(), pattern, replies, validators
        )


def _place(schema: Any, strict: bool) -> Any:
    return _closed(schema) if strict else _modern(schema)


def _closed(schema: Any) -> Any:
    """Objects have the properties that are listed and no others."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


def _modern(schema: Any) -> Any:
    """`nullable`, which 3.1 does not know any more, as a type."""
    if isinstance(schema, list):
        return [_modern(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    modern = {key: _modern(value) for key, value in schema.items()}
    if modern.pop("nullable", None) is True and "type" in modern:
        modern["type"] = [modern["type"], "null"]
    return modern


class Checked:
    """An app whose replies under /v1 are checked. faults: what was wrong with them, also raised where it can be."""

    def __init__(self, app: ASGIApp, source: dict[str, Any]) -> None:
        self._app = app
        self.faults: list[str] = []
        self._documents = [_ours(json.dumps(source)), *([_theirs()] if THEIRS.exists() else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or re.match(r"/(?:v1/)*(?:streams|files)/[0-9a-z]{26}-", scope["path"]):
            await self._app(scope, receive, send)
            return
        sent: list[Message] = []
        faults: list[str] = []

        async def keep(message: Message) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                faults.extend(self._check(scope, sent))
            if message["type"] != "http.response.start":
                for one in sent:
                    await send(one)
                sent.clear()

        await self._app(scope, receive, keep)
        if faults:
            self.faults.append(f"{scope['method']} {scope['path']}: {'; '.join(faults)}")
            raise NotAsDescribed(self.faults[-1])

    def _check(self, scope: Scope, sent: list[Message]) -> list[str]:
        if sent[0]["type"] != "http.response.start" or scope["method"] == "HEAD":
            return []
        headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        kind = headers.get("content-type", "").partition(";")[0]
        body = b"".join(message.get("body", b"") for message in sent[1:])
        path = re.sub(r"^(?:/v1)*(?=/)", "", scope["path"]).rstrip("/")
        asked = (scope["method"], path, sent[0]["status"], kind, body)
        found = (document.check(*asked) for document in self._documents)
        return [fault for fault in found if fault is not None]


@cache
def _ours(source: str) -> Document:
    return Document(json.loads(source), strict=True)


@cache
def _theirs() -> Document:
    source = json.loads(THEIRS.read_text())
    # Everywhere else it says that a model's description may be null.
    page = source["paths"]["/models"]["query"]["responses"]["200"]["content"]["application/json"]["schema"]
    page["properties"]["results"]["items"]["properties"]["description"]["nullable"] = True
    # A training is a prediction in live replies: without an output it has null.
    source["components"]["schemas"]["schemas_training_response"]["properties"]["output"]["nullable"] = True
    return Document(source, strict=False)
