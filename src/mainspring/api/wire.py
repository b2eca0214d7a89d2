"""Requests in, replies out: JSON by msgspec, faults as problem+json, absolute URLs that follow the listener."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qs, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.core.errors import ApiError, InvalidField, InvalidInput, InvalidRequest, TooLarge
from mainspring.core.ids import parse_time, rfc3339
from mainspring.core.shapes import Page

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
PAGE = 100
_DEEPEST = 100


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """Base of request bodies: a key that nobody reads is a mistake worth telling."""


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply; like Replicate's, it ends with a newline."""
    return Response(_encoder.encode(value) + b"\n", status, headers, "application/json")


def encoded(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply that is made already."""
    return Response(body, status, headers, "application/json")


def problem(error: ApiError) -> Response:
    """The fault as application/problem+json."""
    body = _encoder.encode(error.problem()) + b"\n"
    return Response(body, error.status, error.headers(), "application/problem+json")


def refuse(faults: Mapping[str, str | None]) -> None:
    """Raise Replicate's 400 for the faults that there are, by field."""
    if found := {field: fault for field, fault in faults.items() if fault is not None}:
        raise refusal(found)


def refusal(faults: Mapping[str, str]) -> InvalidRequest:
    """Replicate's 400 for what is wrong with a body, by field (`scaling/min_instances`)."""
    lines = "".join(f"\n- {field.replace('/', '.')}: {fault}" for field, fault in faults.items())
    return InvalidRequest(
        f"The following errors occurred:{lines}",
        title="Validation failed",
        errors=[{"pointer": f"/{field}", "detail": fault} for field, fault in faults.items()],
    )


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge past limit bytes, before the rest is read."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"Request bodies must be at most {limit} bytes")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"Request bodies must be at most {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def decode(raw: bytes, kind: type[T]) -> T:
    """The body as `kind`. Raises InvalidRequest for broken JSON, InvalidInput for a wrong shape."""
    try:
        found = msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise InvalidInput([_field(str(error), kind)]) from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The request body is not valid UTF-8") from error
    except RecursionError as error:
        raise _too_deep() from error
    if raw.count(b"[") + raw.count(b"{") > _DEEPEST:
        _refuse_depth(found)
    return found


def query(request: Request, kind: type[T]) -> T:
    """The query parameters as `kind`; those that it lacks are ignored. Raises InvalidRequest."""
    try:
        return _lax(dict(request.query_params), kind)
    except msgspec.ValidationError as error:
        fault = _field(str(error), kind)
        if fault.type == "required":
            raise InvalidRequest(
                f'Query parameter "{fault.description.split(" ")[0]}" is required'
            ) from error
        raise InvalidRequest(f"The query can't be used: {fault.description}") from error


def moment(text: str | None, name: str) -> str | None:
    """The time that a query names, as the ledger writes it. Raises InvalidRequest."""
    if text is None:
        return None
    try:
        return rfc3339(parse_time(text.replace(" ", "+")))
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} must be an ISO 8601 date-time") from error


def convert(given: Mapping[str, str], kind: type[T]) -> T:
    """Query parameters as `kind`. Raises InvalidInput."""
    try:
        return _lax(given, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput([_field(str(error), kind)]) from error


def _lax(given: Mapping[str, str], kind: type[T]) -> T:
    """Texts as what they stand for; msgspec reads the word null as none, which nobody means. Raises ValidationError."""
    found = msgspec.convert(given, kind, strict=False)
    if nulls := [name for name in given if getattr(found, name, given) is None]:
        raise msgspec.ValidationError(f"Invalid value - at `$.{nulls[0]}`")
    return found


def _refuse_depth(found: Any) -> None:
    """Raise InvalidRequest for what is nested so deeply that somebody down the line would choke on it."""
    level, depth = [found], 0
    while level:
        if depth > _DEEPEST:
            raise _too_deep()
        inside = []
        for one in level:
            if isinstance(one, list):
                inside += [v for v in one if isinstance(v, (list, dict))]
            elif isinstance(one, dict):
                inside += [v for v in one.values() if isinstance(v, (list, dict))]
            elif isinstance(one, msgspec.Struct):
                inside += [getattr(one, name) for name in one.__struct_fields__]
        level, depth = inside, depth + 1


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The request body is nested deeper than {_DEEPEST} levels")


def _field(message: str, kind: Any) -> InvalidField:
    """msgspec's message in gojsonschema's vocabulary."""
    text, _, where = message.partition(" - at `$")
    path = where.rstrip("`").lstrip(".")
    if "missing required field" in text:
        name = text.split("`")[1]
        return InvalidField("required", path, f"{name} is required")
    if "unknown field" in text:
        name = text.split("`")[1]
        return InvalidField(
            "additional_property_not_allowed", path, f"Additional property {name} is not allowed"
        )
    if text.startswith("Invalid enum value") and (choices := _choices(kind, path)):
        told = ", ".join(f'"{choice}"' for choice in choices)
        return InvalidField("enum", path, f"{path} must be one of the following: {told}")
    return InvalidField("invalid_type", path, f"{path or 'body'}: {text}")


def _choices(kind: Any, name: str) -> tuple[Any, ...]:
    """What the field of a message may be, when it is one of some words."""
    hints = get_type_hints(kind) if isinstance(kind, type) else {}
    options = (hints.get(name), *get_args(hints.get(name)))
    return next((get_args(one) for one in options if get_origin(one) is Literal), ())


def base_url(request: Request) -> str:
    """Scheme and host that the client called, without a trailing slash."""
    host = request.headers.get("host") or "localhost"
    return f"{request.scope['scheme']}://{host}"


def page(
    request: Request, results: list[Any], *, next_cursor: str | None, previous_cursor: str | None
) -> Page[Any]:
    """Replicate's page: absolute next and previous URLs with opaque cursors."""
    return Page(
        next=_with_cursor(request, next_cursor),
        previous=_with_cursor(request, previous_cursor),
        results=results,
    )


def cursor(request: Request) -> tuple[str, str] | None:
    """(direction "n" or "p", position) of the asked page. Raises InvalidRequest for one that is not ours."""
    text = request.query_params.get("cursor")
    if not text:
        return None
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidRequest("Invalid cursor") from error
    direction, _, position = plain.partition("=")
    if direction not in ("n", "p") or not position:
        raise InvalidRequest("Invalid cursor")
    return direction, position


def _with_cursor(request: Request, position: str | None) -> str | None:
    if position is None:
        return None
    encoded = base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")
    query = {k: v[-1] for k, v in parse_qs(request.url.query).items()} | {"cursor": encoded}
    return f"{base_url(request)}{request.scope['path']}?{urlencode(query)}"
