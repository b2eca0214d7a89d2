"""Which models are shown with the example of their project, once they are here."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request

from mainspring.api import predictions
from mainspring.api.context import Context
from mainspring.api.operation import asks
from mainspring.api.rehearsing import Line, Rehearsal
from mainspring.bundle.catalogue import Entry
from mainspring.bundle.example import read_example
from mainspring.core.errors import BundleError
from mainspring.core.hardware import Hardware
from mainspring.core.rehearsal import put_off
from mainspring.records.callers import Account, every_right
from mainspring.records.catalog import Model, Version
from mainspring.records.installed import Installed

_CREATE = next(one for one in predictions.operations if one.id == "predictions.create")


async def show_installed(rehearsal: Rehearsal, entry: Entry, wanted: bool | None) -> str | None:
    """Show a model of the catalogue with its example; the prediction's id, None when it has no such example.

    wanted: run it in any case, or in none; None: unless it is there, the operator shows others, or it is too much for
    this machine. A fault is told and no more: the model is installed.
    """
    ctx, line = rehearsal.ctx, rehearsal.line
    installed = await ctx.installed.get(entry.full_name)
    try:
        values = entry.example()
    except BundleError as error:
        line(f"Its example can't be read: {error}")
        return None
    if wanted is False or installed is None or values is None:
        return None
    if wanted is None:
        shown, stays = await _shown(ctx, rehearsal.version, installed)
        if stays:
            return shown
        if reason := _too_much(ctx, entry, installed):
            line(
                f"Its example was not run: {reason}. To run it: mainspring catalog add {entry.full_name} --example"
            )
            return None
    made = await rehearsal.run(values)
    if made is not None:
        await _in_place_of(ctx, installed, made)
    return made


async def show_pushed(rehearsal: Rehearsal, wanted: bool | None) -> str | None:
    """Show a model that was pushed with its project's example; the prediction's id, None when none was run.

    wanted: run it in any case, or in none; None: unless the model has an example, or it is too much for this machine.
    A fault is told and no more: the version is there.
    """
    ctx, version = rehearsal.ctx, rehearsal.version
    model = await ctx.catalog.get_model(*version.model.split("/", 1))
    if wanted is False or model is None or (wanted is None and model.default_example is not None):
        return None
    try:
        values = read_example([ctx.settings.data / "sources" / version.source])
    except BundleError as error:
        rehearsal.line(f"Its example can't be read: {error}")
        return None
    if values is None:
        if wanted:
            rehearsal.line("The project has no example.json, so there is no example to run")
        return None
    if wanted is None and (reason := _too_large(ctx, model)):
        rehearsal.line(f"Its example was not run: {reason}. To run it, push again with --example")
        return None
    return await rehearsal.run(values)


async def show_bundled(ctx: Context, account: Account, version: Version, url: str, line: Line) -> None:
    """Show a model that the server was started with, as if its account had pushed it to this URL."""
    await show_pushed(Rehearsal(_own_request(ctx, url), every_right(account), version, line), None)


def _own_request(ctx: Context, url: str) -> Request:
    """A request that came from nowhere. url: scheme and host that it would have called."""
    app = Starlette()
    app.state.context = ctx
    scheme, _, host = url.partition("://")
    scope = {"type": "http", "scheme": scheme, "headers": [(b"host", host.encode())], "app": app}
    request = Request(scope)
    asks(request, _CREATE)
    return request


async def _shown(ctx: Context, version: Version, installed: Installed) -> tuple[str | None, bool]:
    """(the example that was made so, whether what is shown stays: of these weights and version, or the operator's)."""
    model = await ctx.catalog.get_model(*version.model.split("/", 1))
    first = model.default_example if model else None
    if first is None or first != installed.example:
        return None, first is not None
    made = await ctx.predictions.get(first)
    return first, made is not None and (made.version, made.weights) == (version.id, installed.weights_name)


async def _in_place_of(ctx: Context, before: Installed, prediction: str) -> None:
    """Show the model no more with what an earlier installation made."""
    if before.example is not None:
        await ctx.discovery.examples.remove(before.model, before.example)
        ctx.catalog.forget()
    await ctx.installed.show(before.model, prediction)


def _too_much(ctx: Context, entry: Entry, installed: Installed) -> str | None:
    about = entry.about
    given = installed.weights is not None
    weights = given or about.source == "package"
    memory = about.memory if about.fits(given=given, own=installed.own) else 0
    return put_off(_made_for(ctx, about.hardware), memory, ctx.machine.capacity(), weights=weights)


def _too_large(ctx: Context, model: Model) -> str | None:
    wanted = _made_for(ctx, model.hardware)
    return put_off(wanted, model.instance_memory or 0, ctx.machine.capacity(), weights=True)


def _made_for(ctx: Context, sku: str) -> Hardware:
    return ctx.settings.hardware.get(sku) or Hardware(sku=sku, name="")
