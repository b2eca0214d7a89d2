"""What the names in a request mean to the account that sends it."""

from __future__ import annotations

from mainspring.api.context import Context
from mainspring.core.catalog import parse_reference
from mainspring.core.errors import InvalidVersion
from mainspring.records.accounts import Account
from mainspring.records.catalog import Model, Version


async def resolve(ctx: Context, account: Account, asked: str) -> Version:
    """The version that `owner/name`, `owner/name:id` or `id` names. Raises InvalidVersion."""
    reference = parse_reference(asked)
    if reference.model is None:
        found = await ctx.catalog.find_version(reference.version or "", account.username)
    elif reference.version is None:
        found = await latest(ctx, account, reference.model)
    else:
        known = await visible(ctx, account, reference.model)
        found = await ctx.catalog.get_version(reference.model, reference.version) if known else None
    if found is None:
        raise InvalidVersion
    return found


async def visible(ctx: Context, account: Account, path: str) -> Model | None:
    """The model, unless the account may not know of it."""
    model = await ctx.catalog.get_model(*path.split("/", 1))
    allowed = model is not None and (model.visibility == "public" or model.owner == account.username)
    return model if allowed else None


async def latest(ctx: Context, account: Account, path: str) -> Version | None:
    """The latest version of a model; None without one, or when the account may not know of it."""
    model = await visible(ctx, account, path)
    if model is None or model.latest_version is None:
        return None
    return await ctx.catalog.get_version(path, model.latest_version)
