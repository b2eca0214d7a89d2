"""Whether the process lives and whether it should get requests, for those who restart and route; ours, without a token.

Everybody is told which part is well; why one is not, only the operator.
"""

from __future__ import annotations

import sqlite3
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.api.context import context
from mainspring.api.exposition import sees_metrics
from mainspring.api.wire import reply
from mainspring.core.errors import ApiError
from mainspring.services.health import Part


class PartReply(msgspec.Struct, omit_defaults=True):
    """One part. detail: for the operator."""

    status: Literal["ok", "failing"]
    detail: str | None = None


class HealthReply(msgspec.Struct):
    """status: ok when every part is."""

    status: Literal["ok", "failing"]
    parts: dict[str, PartReply]


async def live(request: Request) -> Response:
    """GET /health: the process answers and its loops go round. Where it says no, a restart is due."""
    return await _told(request, context(request).health.alive())


async def ready(request: Request) -> Response:
    """GET /ready: each part works. Where it says no, requests should go elsewhere or wait."""
    return await _told(request, await context(request).health.ready())


async def _told(request: Request, parts: dict[str, Part]) -> Response:
    details = await _operates(request)
    told = {
        name: PartReply(_word(part.well), part.detail if details else None) for name, part in parts.items()
    }
    well = all(part.well for part in parts.values())
    headers = {"Cache-Control": "no-store"}
    return reply(HealthReply(_word(well), told), 200 if well else 503, headers)


async def _operates(request: Request) -> bool:
    """Whether the caller may know more; who can't be asked about, because the ledger is gone, may not."""
    if "authorization" not in request.headers:
        return False
    try:
        await sees_metrics(request)
    except (ApiError, sqlite3.Error):
        return False
    return True


def _word(well: bool) -> Literal["ok", "failing"]:
    return "ok" if well else "failing"


routes = [Route("/health", live), Route("/ready", ready)]
