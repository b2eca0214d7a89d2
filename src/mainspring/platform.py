"""The composition root: settings become a running platform. The only module that names adapters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from starlette.types import ASGIApp

from mainspring.api.app import create_app
from mainspring.api.context import Context
from mainspring.api.limits import Limits
from mainspring.api.session import SignInLinks
from mainspring.api.showing import show_bundled
from mainspring.core.egress import Egress
from mainspring.core.hardware import offered
from mainspring.database.hints import Hints
from mainspring.database.sqlite import SqliteDatabase
from mainspring.launchers import Launcher
from mainspring.launchers.gpus import find_devices
from mainspring.launchers.machine import Machine
from mainspring.objects.disk import DiskObjects
from mainspring.records.catalog import Version
from mainspring.records.feed import Feed
from mainspring.records.ledger import Ledger
from mainspring.records.observed import Observed
from mainspring.records.rendering import Renderer
from mainspring.records.vault import Vault
from mainspring.services.attempt import Desk
from mainspring.services.autoscaler import Autoscaler
from mainspring.services.builder import Builder
from mainspring.services.curator import put_collections
from mainspring.services.director import Director
from mainspring.services.eraser import Eraser
from mainspring.services.fetch import Fetcher
from mainspring.services.followers import Followers
from mainspring.services.gauge import Gauge
from mainspring.services.health import Health
from mainspring.services.inputs import Inputs
from mainspring.services.installer import Installer
from mainspring.services.janitor import Janitor
from mainspring.services.lines import Lines
from mainspring.services.rollouts import Rollouts
from mainspring.services.scribe import Scribe
from mainspring.services.storyteller import Storyteller
from mainspring.services.treasurer import Treasurer
from mainspring.services.trimmer import Trimmer
from mainspring.services.webhooks import Webhooks
from mainspring.services.weights import Weights
from mainspring.settings import Settings
from mainspring.supervisor import supervise, vital_of
from mainspring.tracing import Tracer
from mainspring.web.pages import pages

log = logging.getLogger(__name__)
_LAST_WEBHOOKS_S = 2.0


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


class Platform:
    """Everything that runs in one process, made in the running event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        launcher: Launcher,
        hints: Hints | None = None,
        now: Callable[[], datetime] = utc_now,
        tracer: Tracer | None = None,
    ) -> None:
        self.now = now
        self.tracer = tracer
        self.story = Storyteller(tracer) if tracer is not None else None
        self.observed = Observed()
        self.settings = settings
        self.launcher = launcher
        self.hints = hints or Hints()
        self.database = SqliteDatabase(settings.data / "ledger.sqlite", durable=settings.durable)
        self.objects = DiskObjects(settings.data / "objects", durable=settings.durable)
        self.vault = Vault(settings.data / "key")
        self.feed = Feed()
        self.ledger = Ledger.over(self.database, self.vault)
        self.health = self._health()
        self.computer = Machine(find_devices(settings.gpus))
        self.machine = self.computer.capacity()
        self.links = SignInLinks()
        self.egress = Egress.naming(settings.webhook_hosts)
        self.fetcher = Fetcher(Egress(private=settings.private_urls), limit=settings.max_download)
        self.scribe = Scribe(self.ledger.progress, self.hints, now)
        self.weights = Weights(settings.data / "trained", self.ledger.catalog, self.objects)
        self.renderer = self._renderer()
        self.builder = self._builder()
        self.installer = self._installer()
        self.director = Director(self._desk())
        self.autoscaler = self._autoscaler()
        self.gauge = self._gauge()
        self.rollouts = self._rollouts()
        self.janitor = self._janitor()
        self.eraser = self._eraser()
        self.webhooks = self._webhooks()
        self.treasurer = self._treasurer()
        self.followers = self._followers()
        self.trimmer = Trimmer(settings=settings, cache=self.ledger.cache, now=now)
        self.context = self._context()
        self._loops: list[asyncio.Task[None]] = []

    def app(self) -> ASGIApp:
        """The HTTP application."""
        return create_app(self.context, pages(self.context, self.links))

    async def show(self, version: Version, url: str) -> None:
        """Run the example of a model that was pushed at start, unless it has one. url: where the platform is."""
        account = await self.ledger.accounts.get(version.model.partition("/")[0])
        if account is not None:
            line = partial(log.info, "%s: %s", version.model)
            await show_bundled(self.context, account, version, url, line)

    async def start(self) -> None:
        """Clear up after an earlier process, then begin every loop."""
        await self.director.recover()
        await self.followers.recover()
        await self.builder.sweep()
        await self.installer.sweep()
        await put_collections(self.ledger.discovery.collections, self.settings.collections, self.now())
        await self.weights.clear_up()
        for loop in (
            *(self.scribe, self.autoscaler, self.rollouts, self.director, self.janitor),
            *(self.weights, self.eraser, self.webhooks, self.treasurer, self.gauge),
            *(self.followers, self.trimmer),
        ):
            vital = vital_of(loop)
            self.health.vitals.append(vital)
            self._loops.append(asyncio.create_task(supervise(loop, self.hints, vital), name=vital.name))
        self.health.phase = "running"

    async def stop(self, grace_s: float) -> None:
        """Let running predictions end within grace_s, stop models, then loops and the ledger."""
        self.feed.stopping = True
        await self.director.close(grace_s)
        self.feed.abandon()
        await self.scribe.run_once()
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.webhooks.close(min(grace_s, _LAST_WEBHOOKS_S))
        await self.treasurer.close()
        await self.fetcher.close()
        await self.database.close()
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.close)

    def _context(self) -> Context:
        return Context(
            **self.ledger.records(),
            settings=self.settings,
            database=self.database,
            hints=self.hints,
            objects=self.objects,
            vault=self.vault,
            feed=self.feed,
            renderer=self.renderer,
            hardware=offered(self.settings.hardware, self.machine),
            machine=self.computer,
            builder=self.builder,
            installer=self.installer,
            limits=Limits(self.settings.create_limit, self.settings.call_limit),
            egress=self.egress,
            observed=self.observed,
            health=self.health,
            tracer=self.tracer,
            now=self.now,
        )

    def _health(self) -> Health:
        return Health(
            database=self.database,
            objects=self.objects,
            launcher=self.launcher,
            feed=self.feed,
            min_free=self.settings.min_free,
        )

    def _renderer(self) -> Renderer:
        ledger = self.ledger
        return Renderer(
            self.vault,
            ledger.catalog,
            self.feed,
            ledger.predictions,
            ledger.progress,
            ledger.usage,
            compare=self.settings.compare_prices,
        )

    def _builder(self) -> Builder:
        return Builder(
            settings=self.settings,
            catalog=self.ledger.catalog,
            now=self.now,
            gpus=self.computer.real_gpus,
            fenced=self.launcher.fenced,
        )

    def _installer(self) -> Installer:
        return Installer(
            settings=self.settings,
            builder=self.builder,
            accounts=self.ledger.accounts,
            members=self.ledger.members,
            catalog=self.ledger.catalog,
            aliases=self.ledger.aliases,
            installed=self.ledger.installed,
            now=self.now,
        )

    def _desk(self) -> Desk:
        return Desk(
            settings=self.settings,
            root=self.settings.data,
            hints=self.hints,
            feed=self.feed,
            catalog=self.ledger.catalog,
            predictions=self.ledger.predictions,
            instances=self.ledger.instances,
            installed=self.ledger.installed,
            launcher=self.launcher,
            objects=self.objects,
            inputs=Inputs(self.vault, self.ledger.files, self.objects, self.fetcher.fetch, self.now),
            scribe=self.scribe,
            weights=self.weights,
            observed=self.observed,
            story=self.story,
            now=self.now,
        )

    def _autoscaler(self) -> Autoscaler:
        ledger = self.ledger
        return Autoscaler(
            settings=self.settings,
            capacity=self.computer.capacity,
            hints=self.hints,
            feed=self.feed,
            lines=Lines(self.settings, self.machine, ledger.catalog, ledger.deployments, ledger.footprints),
            predictions=ledger.predictions,
            instances=ledger.instances,
            footprints=ledger.footprints,
            now=self.now,
        )

    def _gauge(self) -> Gauge:
        return Gauge(
            machine=self.computer,
            instances=self.ledger.instances,
            footprints=self.ledger.footprints,
            now=self.now,
        )

    def _rollouts(self) -> Rollouts:
        return Rollouts(
            settings=self.settings,
            hints=self.hints,
            feed=self.feed,
            deployments=self.ledger.deployments,
            predictions=self.ledger.predictions,
            instances=self.ledger.instances,
            now=self.now,
        )

    def _janitor(self) -> Janitor:
        return Janitor(
            hints=self.hints,
            feed=self.feed,
            accounts=self.ledger.accounts,
            answers=self.ledger.answers,
            audit=self.ledger.audit,
            audit_retention_s=self.settings.audit_retention_s,
            predictions=self.ledger.predictions,
            instances=self.ledger.instances,
            files=self.ledger.files,
            objects=self.objects,
            now=self.now,
        )

    def _eraser(self) -> Eraser:
        return Eraser(hints=self.hints, retention=self.ledger.retention, objects=self.objects, now=self.now)

    def _webhooks(self) -> Webhooks:
        made = Webhooks(
            hints=self.hints,
            deliveries=self.ledger.deliveries,
            predictions=self.ledger.predictions,
            renderer=self.renderer,
            signing=self.ledger.signing,
            egress=self.egress,
            observed=self.observed,
            story=self.story,
            now=self.now,
        )
        self.feed.on_end(made.ended)
        if self.story is not None:
            self.feed.on_end(self.story.ended)
        return made

    def _followers(self) -> Followers:
        made = Followers(
            hints=self.hints,
            feed=self.feed,
            catalog=self.ledger.catalog,
            predictions=self.ledger.predictions,
            following=self.ledger.following,
            spending=self.ledger.spending,
            objects=self.objects,
            now=self.now,
        )
        self.feed.on_end(made.ended)
        return made

    def _treasurer(self) -> Treasurer:
        return Treasurer(
            hints=self.hints,
            feed=self.feed,
            spending=self.ledger.spending,
            metering=self.ledger.metering,
            predictions=self.ledger.predictions,
            signing=self.ledger.signing,
            egress=self.egress,
            now=self.now,
            stops=self.settings.limit_stops,
        )
