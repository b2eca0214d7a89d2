"""What the names in a request mean to the account that sends it."""

from __future__ import annotations

from mainspring.api.context import Context
from mainspring.core.catalog import parse_alias, parse_reference
from mainspring.core.errors import InvalidVersion
from mainspring.records.accounts import Caller
from mainspring.records.catalog import Model, Version


async def resolve(ctx: Context, caller: Caller, asked: str) -> Version:
    """The version that `owner/name`, `owner/name:id` or `id` names, also by an alias. Raises InvalidVersion."""
    try:
        found = await _named(ctx, caller, asked)
    except InvalidVersion:
        found = None
    found = found or await _aliased(ctx, caller, asked)
    if found is None:
        raise InvalidVersion
    return found


async def version_of(ctx: Context, caller: Caller, path: str, version_id: str) -> Version | None:
    """The version of the model by its id or an alias; None when the account may not know of it."""
    if await visible(ctx, caller, path) is None:
        return None
    found = await ctx.catalog.get_version(path, version_id)
    return found or await _aliased(ctx, caller, f"{path}:{version_id}")


def asked_by_alias(asked: str, version: Version) -> str | None:
    """The alias in `owner/name:id` or `id` that came to this version; None when it was called by its own name."""
    path, _, version_id = asked.rpartition(":")
    return None if version_id == version.id or (not path and "/" in version_id) else version_id


async def _named(ctx: Context, caller: Caller, asked: str) -> Version | None:
    reference = parse_reference(asked)
    if reference.model is None:
        return await ctx.catalog.find_version(reference.version or "", caller.username)
    if reference.version is None:
        return await latest(ctx, caller, reference.model)
    known = await visible(ctx, caller, reference.model)
    return await ctx.catalog.get_version(reference.model, reference.version) if known else None


async def _aliased(ctx: Context, caller: Caller, asked: str) -> Version | None:
    """What an alias stands for; None for one of another model than is asked for."""
    path, alias_id = parse_alias(asked) or (None, "")
    alias = await ctx.aliases.get(alias_id)
    if alias is None or path not in (None, alias.model):
        return None
    if alias.version is None:
        return await latest(ctx, caller, alias.model)
    known = await visible(ctx, caller, alias.model)
    return await ctx.catalog.get_version(alias.model, alias.version) if known else None


async def visible(ctx: Context, caller: Caller, path: str) -> Model | None:
    """The model, unless the account may not know of it."""
    model = await ctx.catalog.get_model(*path.split("/", 1))
    if model is None or model.visibility == "public" or caller.role_in(model.owner):
        return model
    return None


async def latest(ctx: Context, caller: Caller, path: str) -> Version | None:
    """The latest version of a model; None without one, or when the account may not know of it."""
    model = await visible(ctx, caller, path)
    if model is None or model.latest_version is None:
        return None
    return await ctx.catalog.get_version(path, model.latest_version)
