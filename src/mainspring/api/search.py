"""Search: models, collections and pages by words; models by words alone, as a page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate
from mainspring.api.collections import CollectionItem
from mainspring.api.context import context
from mainspring.api.model_replies import ModelReply, render_model
from mainspring.api.operation import Operation
from mainspring.api.wire import PAGE, decode, page, query, read_body, reply
from mainspring.core.errors import InvalidRequest
from mainspring.core.people import Scope
from mainspring.core.shapes import ModelName, Page
from mainspring.records.collections import Collection
from mainspring.records.search import words_of

_MOST_BYTES = 1 << 16
_MOST_PAGES = 10
_REFERENCE_PAGE = "/docs/api"


class SearchQuery(msgspec.Struct):
    """What is looked for."""

    query: Annotated[str, Meta(description="Words, or how they begin.", examples=["speech"])]
    limit: Annotated[int, Meta(description="Most models and collections of a reply.", ge=1, le=50)] = 20


class SearchMetadata(msgspec.Struct):
    """What the search says of a model. score: more is better, comparable within one reply."""

    score: float
    generated_description: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)


class SearchedModel(msgspec.Struct):
    """A model that was found."""

    model: ModelReply
    metadata: SearchMetadata


class SearchedCollection(CollectionItem):
    """A collection that was found, with the names of its models."""

    models: list[ModelName]


class SearchedPage(msgspec.Struct):
    """A page of this platform that was found. href: its path."""

    name: str
    href: str


class SearchReply(msgspec.Struct):
    """What was found, the best first."""

    query: str
    models: list[SearchedModel]
    collections: list[SearchedCollection]
    pages: list[SearchedPage]


async def search(request: Request) -> Response:
    """GET /search?query&limit."""
    caller = await authenticate(request)
    asked = query(request, SearchQuery)
    if not asked.query:
        raise InvalidRequest('Query parameter "query" is required')
    found = context(request).discovery
    models = await found.search.models(asked.query, caller.username, asked.limit)
    collections = await found.search.collections(asked.query, asked.limit)
    rendered = await asyncio.gather(*(render_model(request, one.model) for one in models))
    return reply(
        SearchReply(
            query=asked.query,
            models=[
                SearchedModel(model, SearchMetadata(one.score))
                for one, model in zip(models, rendered, strict=True)
            ],
            collections=[await _named(request, one, caller.username) for one in collections],
            pages=_pages(request.app.state.document(), asked.query),
        )
    )


async def search_models(request: Request) -> Response:
    """QUERY /models: the words are the body, as text or as a JSON string, which may be called text."""
    caller = await authenticate(request)
    is_json = request.headers.get("content-type", "").startswith("application/json")
    text = _words(await read_body(request, _MOST_BYTES), is_json)
    found = await context(request).discovery.search.models(text, caller.username, PAGE)
    results = await asyncio.gather(*(render_model(request, one.model) for one in found))
    return reply(page(request, results, next_cursor=None, previous_cursor=None))


def _words(raw: bytes, is_json: bool) -> str:
    """What a body means: one client sends text, one JSON and says so, one JSON and says that it is text."""
    text = raw.strip()
    if text[:1] == b'"' or (is_json and text):
        return decode(text, str)
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("The request body is not valid UTF-8") from error


async def _named(request: Request, found: Collection, account: str) -> SearchedCollection:
    models = await context(request).discovery.collections.models(found.slug, account)
    names = [model.full_name for model in models]
    return SearchedCollection(found.name, found.slug, found.description, names)


def _pages(document: dict[str, Any], text: str) -> list[SearchedPage]:
    """The operations of the API's reference that have all of the words."""
    words = words_of(text)
    return [one for one, said in _reference(document) if words and _has_all(said, words)][:_MOST_PAGES]


def _reference(document: dict[str, Any]) -> Iterator[tuple[SearchedPage, list[str]]]:
    for path, entries in document["paths"].items():
        for entry in entries.values():
            said = f"{path} {entry['operationId']} {entry['summary']} {entry.get('description', '')}"
            yield (
                SearchedPage(entry["summary"], f"{_REFERENCE_PAGE}#{entry['operationId']}"),
                said.lower().split(),
            )


def _has_all(said: list[str], words: list[str]) -> bool:
    return all(any(word in one for one in said) for word in words)


operations = [
    Operation(
        method="GET",
        path="/search",
        handler=search,
        id="search",
        scope=Scope.READ,
        summary="Find models, collections and pages",
        about="Looks through names, descriptions and READMEs.",
        query=SearchQuery,
        reply=SearchReply,
    ),
    Operation(
        method="QUERY",
        path="/models",
        handler=search_models,
        id="models.search",
        scope=Scope.READ,
        summary="Find models",
        about="The body is what is looked for, as text or as a JSON string. There is one page, the best first.",
        body=str,
        media=("text/plain", "application/json"),
        example="speech",
        reply=Page[ModelReply],
    ),
]
