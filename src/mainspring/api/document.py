"""The API's own OpenAPI 3.1 document, made from the table of operations and the types of their messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from mainspring import __version__
from mainspring.api.operation import Operation
from mainspring.core.errors import ApiError, InvalidRequest, Unavailable
from mainspring.core.shapes import KeyHeaders, Problem

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_GENERIC = re.compile(r"^(\w+?)_(\w+?)_$")
_ABOUT = """The HTTP API of this platform. It is Replicate's, with additions that are marked as such; Replicate's own
clients work with it unchanged.

Every call but the open ones carries a token, as `Authorization: Bearer` or `Token`, which must have the scope that the
operation says: `read`, `run`, `push` or `admin`. Whatever goes wrong is answered with a problem."""
_OFTEN = (429, 503)
Schema = dict[str, Any]


def document(operations: Sequence[Operation]) -> Schema:
    """The document of the operations, ready to be encoded as JSON."""
    shown = [operation for operation in operations if operation.documented]
    messages = [kind for one in shown for kind in (one.body, one.reply) if not isinstance(kind, str | None)]
    schemas = _Schemas([*messages, Problem])
    paths: dict[str, Any] = {}
    for operation in shown:
        # 3.1 has no word for the method QUERY.
        method = "x-query" if operation.method == "QUERY" else operation.method.lower()
        paths.setdefault(_plain(operation.path), {})[method] = _entry(operation, schemas)
    statuses = sorted({status for operation in shown for status in _faults(operation)})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mainspring", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/v1"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(map(_tag, shown))],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {str(status): _fault(status) for status in statuses},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The schemas of all message types; a page of things is called ThingPage."""

    def __init__(self, messages: Sequence[Any]) -> None:
        found, components = msgspec.json.schema_components(messages, ref_template=_REF)
        self._found = {repr(kind): _renamed(schema) for kind, schema in zip(messages, found, strict=True)}
        named = {_name(name): _renamed(schema) for name, schema in components.items()}
        self.components = {name: schema | {"title": name} for name, schema in sorted(named.items())}

    def of(self, kind: Any) -> Schema:
        """The schema of a message type, by reference where it has a name."""
        if isinstance(kind, str):
            return {"type": "string"} if kind.startswith("text/") else {}
        found: Schema = self._found[repr(kind)]
        return found

    def needs(self, kind: Any) -> bool:
        """Whether an empty message would lack something."""
        found = self.of(kind)
        named: Schema = self.components.get(found.get("$ref", "").rpartition("/")[2], {})
        return bool(named.get("required"))


def _fields(kind: Any) -> tuple[dict[str, Schema], frozenset[str]]:
    """The properties of a struct, and which of them have to be there."""
    if kind is None:
        return {}, frozenset()
    (reference,), components = msgspec.json.schema_components([kind], ref_template=_REF)
    struct = components[reference["$ref"].rpartition("/")[2]]
    return struct["properties"], frozenset(struct["required"])


def _entry(operation: Operation, schemas: _Schemas) -> Schema:
    entry: Schema = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [_tag(operation)],
        "responses": {
            str(operation.success): _success(operation, schemas),
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in _faults(operation)},
        },
    }
    if operation.about:
        entry["description"] = operation.about
    if parameters := _parameters(operation):
        entry["parameters"] = parameters
    if operation.bodies:
        content: Schema = {"schema": schemas.of(operation.body)}
        if operation.example is not None:
            content["example"] = operation.example
        entry["requestBody"] = {
            "required": isinstance(operation.body, str) or schemas.needs(operation.body),
            "content": dict.fromkeys(operation.bodies, content),
        }
    entry["security"] = [] if operation.open else [{"token": [operation.scope]}]
    if operation.scope is not None:
        entry["x-scope"] = operation.scope
    if operation.ours:
        entry["x-ours"] = True
    return entry


def _success(operation: Operation, schemas: _Schemas) -> Schema:
    told: Schema = {"description": HTTPStatus(operation.success).phrase}
    if operation.reply is not None:
        media = operation.reply if isinstance(operation.reply, str) else "application/json"
        told["content"] = {media: {"schema": schemas.of(operation.reply)}}
        told["content"] |= {also: {"schema": {"type": "string"}} for also in operation.also_as}
    return told


def _parameters(operation: Operation) -> list[Schema]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PARAMETER.findall(operation.path)
    ]
    for place, kind in (("query", operation.query), ("header", operation.headers)):
        properties, required = _fields(kind)
        for name, schema in properties.items():
            given = _given(schema)
            about = given.pop("description", None)
            one = {"name": name, "in": place, "required": name in required, "schema": given}
            found.append(one | ({"description": about} if about else {}))
    return found


def _given(schema: Schema) -> Schema:
    """The schema of a parameter: what is left out is not null."""
    rest = {k: v for k, v in schema.items() if k != "anyOf" and not (k == "default" and v is None)}
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    given = {**choices[0], **rest} if len(choices) == 1 else rest | ({"anyOf": choices} if choices else {})
    if None in given.get("enum", ()):
        given["enum"] = [one for one in given["enum"] if one is not None]
    return given


def _faults(operation: Operation) -> list[int]:
    """What may go wrong, as far as the parts of an operation tell, and what it says itself."""
    found = {*_OFTEN, *operation.faults}
    found |= set() if operation.open else {401, 403}
    found |= {404} if _PARAMETER.search(operation.path) else set()
    found |= {400} if operation.query is not None or operation.headers is not None else set()
    found |= {404} if "account" in getattr(operation.query, "__struct_fields__", ()) else set()
    found |= {400, 413, 422} if operation.bodies else set()
    found |= (
        {409} if isinstance(operation.headers, type) and issubclass(operation.headers, KeyHeaders) else set()
    )
    return sorted(found)


def _fault(status: int) -> Schema:
    """The problem of a status, in the words of its error."""
    kinds = [kind for kind in ApiError.__subclasses__() if kind.status == status]
    about = InvalidRequest if status == InvalidRequest.status else next(iter(kinds), Unavailable)
    words = (about.__doc__ or "").strip() if len(kinds) < 2 else HTTPStatus(status).phrase
    content = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {"description": words, "content": content}


def _tag(operation: Operation) -> str:
    return operation.id.partition(".")[0]


def _plain(path: str) -> str:
    return _PARAMETER.sub(r"{\1}", path)


def _name(name: str) -> str:
    """Page_ModelReply_ is ModelReplyPage."""
    return _GENERIC.sub(r"\2\1", name)


def _renamed(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            k: _REF.format(name=_name(v.rpartition("/")[2])) if k == "$ref" else _renamed(v)
            for k, v in schema.items()
        }
    return [_renamed(one) for one in schema] if isinstance(schema, list) else schema
