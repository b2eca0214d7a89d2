"""The pages."""

from __future__ import annotations

from starlette.routing import BaseRoute

from mainspring.api.context import Context


def pages(ctx: Context) -> list[BaseRoute]:
    """Routes of all pages."""
    return []
