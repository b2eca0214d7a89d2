"""The pages of one model: playground, API, examples, README, versions; train; metrics and settings for its owner."""

from __future__ import annotations

from typing import Any

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.api.cache import saved_by
from mainspring.api.catalog import whose
from mainspring.api.model_replies import estimate_of
from mainspring.api.wire import base_url
from mainspring.core.durations import tell_duration, tell_retention
from mainspring.core.people import Scope
from mainspring.core.schema import Schema
from mainspring.records.catalog import Model, Version
from mainspring.records.rendering import PredictionReply
from mainspring.web.addresses import addresses
from mainspring.web.differences import Side, differences
from mainspring.web.inputs import input_rows, output_rows, output_schema, output_type
from mainspring.web.readme import readme_html
from mainspring.web.site import Site
from mainspring.web.version_sizes import VersionSizes

_VERSIONS = 50
_LINKS = (
    ("GitHub", "github_url"),
    ("Paper", "paper_url"),
    ("License", "license_url"),
    ("Weights", "weights_url"),
)
_OWNERS = (("Metrics", "/metrics", Scope.READ), ("Settings", "/settings", Scope.PUSH))
TABS = (
    ("Playground", ""),
    ("API", "/api"),
    ("Examples", "/examples"),
    ("README", "/readme"),
    ("Versions", "/versions"),
)


class ModelPages:
    """/{owner}/{name} and what is below it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._catalog = site.ctx.catalog
        self._sizes = VersionSizes(site.ctx.settings.data / "sources", site.ctx.objects)
        self.routes = [
            Route("/{owner}/{name}", self.playground, methods=["GET"]),
            Route("/{owner}/{name}/api", self.api, methods=["GET"]),
            Route("/{owner}/{name}/api/schema.json", self.schema, methods=["GET"]),
            Route("/{owner}/{name}/examples", self.examples, methods=["GET"]),
            Route("/{owner}/{name}/readme", self.readme, methods=["GET"]),
            Route("/{owner}/{name}/versions", self.versions, methods=["GET"]),
            Route("/{owner}/{name}/versions/{version}", self.playground, methods=["GET"]),
            Route("/{owner}/{name}/train", self.train, methods=["GET"]),
            Route("/{owner}/{name}/metrics", self.metrics, methods=["GET"]),
            Route("/{owner}/{name}/settings", self.settings, methods=["GET"]),
        ]

    async def playground(self, request: Request) -> Response:
        """GET /{owner}/{name} or /{owner}/{name}/versions/{id}: the form."""
        return await self._of_version(request, "playground.html", "Playground")

    async def api(self, request: Request) -> Response:
        """GET /{owner}/{name}/api: how to call it."""
        return await self._of_version(request, "api.html", "API")

    async def examples(self, request: Request) -> Response:
        """GET /{owner}/{name}/examples: saved predictions."""
        return await self._of_version(request, "examples.html", "Examples")

    async def readme(self, request: Request) -> Response:
        """GET /{owner}/{name}/readme."""
        model, refused = await self._model(request)
        if model is None:
            return refused
        text = readme_html(model.readme) if model.readme else None
        return await self._page(request, "readme.html", "README", model, readme=text)

    async def schema(self, request: Request) -> Response:
        """GET /{owner}/{name}/api/schema.json: the latest version's whole OpenAPI document, to be saved."""
        model, refused = await self._model(request)
        version = await self._version(request, model) if model else None
        if model is None or version is None:
            return refused if model is None else await self._site.nowhere(request)
        name = f"{model.name}-{version.id[:12]}.json"
        return Response(
            msgspec.json.format(msgspec.json.encode(version.openapi_schema), indent=2),
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "X-Content-Type-Options": "nosniff",
            },
            media_type="application/json",
        )

    async def versions(self, request: Request) -> Response:
        """GET /{owner}/{name}/versions?from&to: all of them, and what changed between two."""
        model, refused = await self._model(request)
        if model is None:
            return refused
        found = await self._catalog.list_versions(model.full_name, None, _VERSIONS)
        old, new = [
            await self._catalog.get_version(model.full_name, request.query_params.get(side, ""))
            for side in ("from", "to")
        ]
        changed = differences(self._side(old), self._side(new)) if old and new else None
        return await self._page(
            request,
            "versions.html",
            "Versions",
            model,
            versions=found.items,
            sizes=await self._sizes.of(found.items),
            more=found.next is not None,
            old=old,
            new=new,
            changed=changed,
            aliases=await self._site.ctx.aliases.list(model.full_name),
        )

    async def train(self, request: Request) -> Response:
        """GET /{owner}/{name}/train: the form of a training, for whoever is signed in."""
        model, refused = await self._model(request)
        version = await self._version(request, model) if model else None
        if model is None:
            return refused
        caller = await self._site.caller(request)
        if version is None or version.trainer is None or caller is None:
            return await self._site.nowhere(request)
        whose = {"account": caller.username, "owners": caller.pushes_to()}
        data = {"model": model.full_name, "version": version.id, **whose}
        schema = self._catalog.input_schema(version, "training")
        inputs = {"properties": schema.properties, "required": sorted(schema.required)}
        return await self._page(
            request, "train.html", "Train", model, version=version, data=json_block({**data, "input": inputs})
        )

    async def metrics(self, request: Request) -> Response:
        """GET /{owner}/{name}/metrics, for the owner's people."""
        model, refused = await self._own(request, Scope.READ)
        return await self._page(request, "metrics.html", "Metrics", model) if model else refused

    async def settings(self, request: Request) -> Response:
        """GET /{owner}/{name}/settings, for whoever may change it."""
        model, refused = await self._own(request, Scope.PUSH)
        if model is None:
            return refused
        return await self._page(
            request,
            "settings.html",
            "Settings",
            model,
            hardware=self._site.ctx.hardware,
            retention=tell_retention(model.retention_s),
            cache_age=tell_duration(model.cache_s) if model.cache_s is not None else None,
            versions=(await self._catalog.list_versions(model.full_name, None, _VERSIONS)).items,
        )

    async def _own(self, request: Request, scope: Scope) -> tuple[Model | None, Response]:
        model, refused = await self._model(request)
        caller = await self._site.caller(request)
        if model is None or (caller is not None and caller.may(scope, model.owner)):
            return model, refused
        return None, self._site.sign_in(request) if caller is None else await self._site.nowhere(request)

    async def _tabs(self, request: Request, model: Model) -> tuple[tuple[str, str], ...]:
        """What the reader can do with it."""
        caller = await self._site.caller(request)
        if caller is None:
            return TABS
        version = await self._version(request, model)
        train = (("Train", "/train"),) if version is not None and version.trainer is not None else ()
        owners = tuple((word, path) for word, path, scope in _OWNERS if caller.may(scope, model.owner))
        return (*TABS, *train, *owners)

    async def _of_version(self, request: Request, template: str, tab: str) -> Response:
        model, refused = await self._model(request)
        if model is None:
            return refused
        version = await self._version(request, model)
        if version is None:
            if "version" in request.path_params:
                return await self._site.nowhere(request)
            return await self._page(request, template, tab, model, version=None)
        return await self._page(
            request,
            template,
            tab,
            model,
            version=version,
            asked=asked if (asked := request.path_params.get("version")) != version.id else None,
            latest=version.id == model.latest_version,
            inputs=input_rows(self._catalog.input_schema(version)),
            outputs=output_rows(version.openapi_schema),
            output=output_type(version.openapi_schema),
            kind=self._catalog.output_kind(version),
            data=await self._data(request, model, version),
        )

    async def _page(self, request: Request, template: str, tab: str, model: Model, **given: Any) -> Response:
        links = [(word, url) for word, field in _LINKS if _is_link(url := getattr(model, field))]
        declared = model.deterministic or model.seed_input
        saved = await saved_by(self._site.ctx, model) if declared else None
        given = {"version": None, "latest": True, "asked": None, "saved": saved} | given
        tabs = await self._tabs(request, model)
        weights = whose(await self._site.ctx.installed.get(model.full_name))
        return await self._site.page(
            request, template, model=model, tab=tab, tabs=tabs, links=links, weights=weights, **given
        )

    async def _model(self, request: Request) -> tuple[Model | None, Response]:
        """The model, or the page to send instead."""
        closed = await self._site.closed(request)
        model = await self._site.visible(request) if closed is None else None
        if model is not None:
            return model, Response()
        return None, closed or await self._site.nowhere(request)

    async def _version(self, request: Request, model: Model) -> Version | None:
        wanted = request.path_params.get("version", model.latest_version)
        if not wanted:
            return None
        found = await self._catalog.get_version(model.full_name, wanted)
        if found is not None:
            return found
        alias = await self._site.ctx.aliases.get(wanted)
        if (
            alias is None
            or alias.model != model.full_name
            or not (meant := alias.version or model.latest_version)
        ):
            return None
        return await self._catalog.get_version(model.full_name, meant)

    async def _data(self, request: Request, model: Model, version: Version) -> Markup:
        """What the page's script needs, as JSON that can stand in a script element."""
        schema = self._catalog.input_schema(version)
        at = addresses(request, self._site.ctx.settings)
        kind, caller = self._catalog.output_kind(version), await self._site.caller(request)
        data = {
            "model": model.full_name,
            "version": version.id,
            "latest": version.id == model.latest_version,
            "input": {"properties": schema.properties, "required": sorted(schema.required)},
            "output": output_schema(version.openapi_schema),
            "streams": {"iterator": kind.iterator, "text": kind.concatenate, "files": kind.has_files},
            "base": {"here": at.here, "files": at.for_files},
            "example": await self._example(request, model),
            "estimate": await estimate_of(self._site.ctx, model),
            "hardware": model.hardware,
            "account": caller.username if caller else None,
            "owns": caller is not None and caller.may(Scope.PUSH, model.owner),
        }
        return json_block(data)

    async def _example(self, request: Request, model: Model) -> PredictionReply | None:
        """The default example, for the first look; who is not signed in can't ask the API for it."""
        if model.default_example is None:
            return None
        found = await self._site.ctx.predictions.get(model.default_example)
        return self._site.ctx.renderer.example(found, base_url(request)) if found else None

    def _side(self, version: Version) -> Side:
        return Side(
            self._catalog.input_schema(version),
            output_type(version.openapi_schema),
            self._catalog.output_kind(version),
        )


def json_block(data: Schema) -> Markup:
    """JSON without anything that could end the script element it stands in."""
    return Markup(msgspec.json.encode(data).decode().replace("<", "\\u003c"))  # noqa: S704


def _is_link(url: str | None) -> bool:
    return url is not None and url.lower().startswith(("https://", "http://"))
