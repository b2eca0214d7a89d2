"""Requests that need no run: answered from the store, or with a run of the same input that is under way."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from mainspring.api.context import Context, context
from mainspring.api.spending import with_prices
from mainspring.core.caching import (
    Policy,
    Terms,
    Wish,
    canonical,
    identity,
    metrics_of_answer,
    terms,
    wish_of,
)
from mainspring.core.errors import InvalidField, InvalidInput
from mainspring.core.ids import parse_time
from mainspring.core.prediction import Prediction, Status
from mainspring.database import Statement
from mainspring.records.cached import age_s, read_cached, since, told
from mainspring.records.catalog import Model, Version
from mainspring.services.copies import copied, drop_copies
from mainspring.services.inputs import find_own

_LONG = 1 << 17


class _NotByContent(Exception):
    """A file whose content nobody here knows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the store takes part in a request that wants it to.

    key: of what runs and its input; None when it can't. reads_along: whether what another run says so far can be shown:
    files can't.
    """

    terms: Terms
    key: str | None = None
    reads_along: bool = False

    @property
    def joins(self) -> bool:
        """Whether a run with this key that is under way will do."""
        return self.key is not None and self.terms.look


def policy_of(model: Model) -> Policy:
    """What its owner declared."""
    return Policy(bool(model.deterministic), model.seed_input, model.cache_s)


def wished(request: Request, asked: object) -> Wish:
    """What the body's `cache` asks for, or the headers. Raises InvalidInput."""
    try:
        return wish_of(asked, request.headers.get("cache-control"))
    except ValueError as error:
        said = "cache must be true, false, an age like 1h, or no-store"
        raise InvalidInput([InvalidField("invalid_type", "cache", said)]) from error


async def plan(
    request: Request,
    model: Model | None,
    made: Prediction,
    wish: Wish,
    version: Version,
    values: Mapping[str, Any],
) -> Plan | None:
    """How the store takes part in a prediction with this input; None when it does not, and nobody asked."""
    ctx = context(request)
    if model is None or made.kind != "prediction" or not ctx.settings.cache_bytes:
        return None
    agreed = terms(policy_of(model), wish, values, ctx.settings.cache_age_s)
    if agreed is None or agreed.bypass is not None:
        return None if agreed is None else Plan(agreed)
    schema = ctx.catalog.input_schema(version)
    if schema.secret_fields & values.keys():
        return Plan(Terms(bypass="the input has a secret"))
    try:
        contents = {
            name: await _content(ctx, values[name], made.account)
            for name in schema.file_fields & values.keys()
        }
    except _NotByContent:
        return Plan(Terms(bypass="a file of the input lies elsewhere, so that its content is not known"))
    given = canonical(values, schema.properties, contents)
    key = ctx.vault.capability(f"cache {identity(await _scope(ctx, model, made), given)}")
    return Plan(agreed, key, reads_along=not ctx.catalog.output_kind(version).has_files)


async def _scope(ctx: Context, model: Model, made: Prediction) -> tuple[str | None, ...]:
    """Who may be answered with it, and what runs.

    A private model's answers are for the account alone, a deployment's for that deployment.
    """
    private = model.visibility != "public" or made.deployment is not None
    weights = await ctx.installed.get(model.full_name)
    return (
        made.account if private else None,
        made.deployment,
        made.model,
        made.version,
        made.hardware,
        weights.weights if weights else None,
    )


async def _content(ctx: Context, value: Any, account: str) -> Any:
    """What stands for a file in a key: its digest, and the ending of its name, which models go by."""
    if isinstance(value, list):
        return [await _content(ctx, one, account) for one in value]
    if value is None:
        return None
    if not isinstance(value, str):
        raise _NotByContent
    if value[:5].lower() == "data:":
        return await asyncio.to_thread(_of_data, value) if len(value) > _LONG else _of_data(value)
    own = await find_own(value, account, ctx.files, ctx.objects, ctx.now())
    if own is None:
        raise _NotByContent
    return [own.sha256, PurePosixPath(own.name).suffix.lower()]


def _of_data(uri: str) -> list[str]:
    head, _, data = uri[5:].partition(",")
    kind, *options = head.lower().split(";")
    try:
        content = base64.b64decode(unquote_to_bytes(data)) if "base64" in options else unquote_to_bytes(data)
    except binascii.Error as error:
        raise _NotByContent from error
    return [hashlib.sha256(content).hexdigest(), mimetypes.guess_extension(kind.strip()) or ""]


async def answered(
    ctx: Context, made: Prediction, plan: Plan, also: tuple[Statement, ...]
) -> Prediction | None:
    """The prediction, ended as the store has it; None when it has nothing, or `also`, guards, forbid it."""
    if plan.key is None or not plan.joins:
        return None
    now = made.created_at
    entry = await ctx.cache.find(plan.key, since(now, plan.terms.max_age_s))
    if entry is None:
        return None
    output = await copied(ctx.objects, entry.source, made.id)
    if output is None:
        await ctx.cache.drop(plan.key)
        return None
    made, old_s = with_prices(ctx, made), age_s(entry, now)
    ended = replace(
        made,
        status=Status.SUCCEEDED,
        output=output,
        logs=entry.source.logs,
        metrics=metrics_of_answer(entry.source.metrics, (ctx.now() - parse_time(now)).total_seconds(), old_s),
        weights=entry.source.weights,
        completed_at=now,
        cached=told(entry, made, old_s, joined=False),
    )
    if not await ctx.cache.answer(ended, plan.key, entry, also):
        await drop_copies(ctx.objects, made.id, output)
        return None
    ctx.feed.close(ended)
    return ended


def cache_headers(plan: Plan | None, made: Prediction) -> Mapping[str, str]:
    """What the reply says of the store's part in it, as RFC 9211 has it."""
    if made.cached is not None:
        return {"Cache-Status": "mainspring; hit", "Age": str(int(read_cached(made.cached).age))}
    if plan is None:
        return {}
    if plan.key is None:
        return {"Cache-Status": f'mainspring; fwd=bypass; detail="{plan.terms.bypass}"'}
    if made.follows is not None:
        return {"Cache-Status": "mainspring; fwd=miss; collapsed"}
    why = "miss" if plan.terms.look else "request"
    return {"Cache-Status": f"mainspring; fwd={why}" + ("; stored" if plan.terms.keep else "")}
