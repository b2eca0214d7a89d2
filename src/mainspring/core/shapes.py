"""Shapes that many messages are made of."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mainspring.core.prediction import Status

T = TypeVar("T")

Moment = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-05-01T12:00:00.000000Z"])
]
Link = Annotated[str, Meta(extra_json_schema={"format": "uri"}, examples=["https://example.com/it"])]
ModelName = Annotated[str, Meta(description="`owner/name` of a model.", examples=["acme/hello-world"])]
VersionId = Annotated[str, Meta(description="64 hex digits.", examples=["9dcd6d78" * 8])]
JsonObject = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object", "additionalProperties": True})]
EVENTS = ("start", "output", "logs", "completed")
EventNames = Annotated[
    msgspec.Raw,
    Meta(extra_json_schema={"type": "array", "items": {"enum": list(EVENTS)}}, examples=[["completed"]]),
]
StatusName = Annotated[str, Meta(extra_json_schema={"enum": [status.value for status in Status]})]
Name = Annotated[str, Meta(min_length=1, max_length=100, description="For people.", examples=["Acme"])]
OfAccount = Annotated[
    str,
    Meta(
        description="Ours: an organization that you belong to; your own account if left out.",
        examples=["acme"],
    ),
]
# Where one is given, it is checked by hand: Replicate's fault for it is not the one of a wrong type.
Visibility = Annotated[str, Meta(extra_json_schema={"enum": ["public", "private"]})]


class CollectionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A collection as it shall be. Models that are not there yet appear in it as soon as they are."""

    name: Annotated[str, Meta(min_length=1, max_length=200, examples=["Text to speech"])]
    description: Annotated[str, Meta(max_length=10_000)] = ""
    full_description: Annotated[str | None, Meta(description="Markdown.")] = None
    models: Annotated[list[ModelName], Meta(max_length=1000)] = msgspec.field(default_factory=list)


class KeyHeaders(msgspec.Struct, rename={"idempotency_key": "Idempotency-Key"}):
    """What makes it safe to send a request again."""

    idempotency_key: Annotated[
        str | None,
        Meta(description="One that is yours alone: for a day, it makes one thing however often it is sent."),
    ] = None


class Page(msgspec.Struct, Generic[T]):
    """One page of a list, newest first: at most 100 results, and the whole URLs of the pages around it."""

    next: Link | None
    previous: Link | None
    results: list[T]


class PageQuery(msgspec.Struct):
    """Which page of a list."""

    cursor: Annotated[
        str | None,
        Meta(description="Where the page begins; taken from `next` or `previous` of another page."),
    ] = None


class AccountQuery(msgspec.Struct):
    """Whose."""

    account: OfAccount | None = None


class OwnedPageQuery(PageQuery):
    """Which page of whose list."""

    account: OfAccount | None = None


class InvalidFieldReply(msgspec.Struct):
    """One fault in a body: what kind it is, where (dotted path, empty for the body itself), and a sentence."""

    type: str
    field: str
    description: str


class FieldErrorReply(msgspec.Struct):
    """One fault in a body, by JSON pointer."""

    pointer: str
    detail: str


class Problem(msgspec.Struct):
    """What went wrong, as application/problem+json."""

    detail: Annotated[str, Meta(description="A sentence for people.")]
    status: Annotated[int, Meta(description="The reply's HTTP status.", ge=400, le=599)]
    title: Annotated[str | UnsetType, Meta(description="What kind of problem it is.")] = UNSET
    invalid_fields: list[InvalidFieldReply] | UnsetType = UNSET
    errors: list[FieldErrorReply] | UnsetType = UNSET
    retry_after: Annotated[int | UnsetType, Meta(description="Seconds to wait before trying again.")] = UNSET
