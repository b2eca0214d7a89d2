"""The composition root: settings become a running platform. The only module that names adapters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.types import ASGIApp

from mainspring.api.app import create_app
from mainspring.api.context import Context
from mainspring.api.limits import Limits
from mainspring.api.session import SignInLinks
from mainspring.core.egress import Egress
from mainspring.core.hardware import offered
from mainspring.database.hints import Hints
from mainspring.database.sqlite import SqliteDatabase
from mainspring.launchers import Launcher
from mainspring.launchers.gpus import find_devices
from mainspring.launchers.machine import Machine
from mainspring.objects.disk import DiskObjects
from mainspring.records.accounts import Accounts
from mainspring.records.aliases import Aliases
from mainspring.records.answers import Answers
from mainspring.records.catalog import Catalog
from mainspring.records.deliveries import Deliveries
from mainspring.records.deployments import Deployments
from mainspring.records.discovery import Discovery
from mainspring.records.feed import Feed
from mainspring.records.files import Files
from mainspring.records.footprints import Footprints
from mainspring.records.installed import Installations
from mainspring.records.instances import Instances
from mainspring.records.metering import Metering
from mainspring.records.predictions import Predictions
from mainspring.records.rendering import Renderer
from mainspring.records.retention import Retention
from mainspring.records.signing import Signing
from mainspring.records.spending import Spending
from mainspring.records.usage import UsageBook
from mainspring.records.vault import Vault
from mainspring.services.attempt import Desk
from mainspring.services.autoscaler import Autoscaler
from mainspring.services.builder import Builder
from mainspring.services.curator import put_collections
from mainspring.services.director import Director
from mainspring.services.eraser import Eraser
from mainspring.services.fetch import Fetcher
from mainspring.services.gauge import Gauge
from mainspring.services.inputs import Inputs
from mainspring.services.installer import Installer
from mainspring.services.janitor import Janitor
from mainspring.services.lines import Lines
from mainspring.services.rollouts import Rollouts
from mainspring.services.scribe import Scribe
from mainspring.services.treasurer import Treasurer
from mainspring.services.webhooks import Webhooks
from mainspring.services.weights import Weights
from mainspring.settings import Settings
from mainspring.supervisor import supervise
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
    ) -> None:
        self.now = now
        self.settings = settings
        self.hints = hints or Hints()
        self.database = SqliteDatabase(settings.data / "ledger.sqlite", durable=settings.durable)
        self.objects = DiskObjects(settings.data / "objects", durable=settings.durable)
        self.vault = Vault(settings.data / "key")
        self.feed = Feed()
        self.accounts = Accounts(self.database)
        self.answers = Answers(self.database)
        self.catalog = Catalog(self.database)
        self.predictions = Predictions(self.database)
        self.instances = Instances(self.database)
        self.footprints = Footprints(self.database)
        self.files = Files(self.database)
        self.deployments = Deployments(self.database)
        self.discovery = Discovery(self.database)
        self.computer = Machine(find_devices(settings.gpus))
        self.machine = self.computer.capacity()
        self.deliveries = Deliveries(self.database)
        self.signing = Signing(self.database, self.vault)
        self.spending = Spending(self.database)
        self.usage = UsageBook(self.database)
        self.renderer = Renderer(
            self.vault,
            self.catalog,
            self.feed,
            self.predictions,
            self.usage,
            compare=settings.compare_prices,
        )
        self.egress = Egress.naming(settings.webhook_hosts)
        self.fetcher = Fetcher(Egress(private=settings.private_urls), limit=settings.max_download)
        self.aliases = Aliases(self.database)
        self.installed = Installations(self.database)
        self.builder = Builder(
            settings=settings,
            catalog=self.catalog,
            now=now,
            gpus=self.computer.real_gpus,
            fenced=launcher.fenced,
        )
        self.scribe = Scribe(self.predictions, self.hints, now)
        self.weights = Weights(settings.data / "trained", self.catalog, self.objects)
        self.installer = Installer(
            settings=settings,
            builder=self.builder,
            accounts=self.accounts,
            catalog=self.catalog,
            aliases=self.aliases,
            installed=self.installed,
            now=now,
        )
        desk = Desk(
            settings=settings,
            root=settings.data,
            hints=self.hints,
            feed=self.feed,
            catalog=self.catalog,
            predictions=self.predictions,
            instances=self.instances,
            installed=self.installed,
            launcher=launcher,
            objects=self.objects,
            inputs=Inputs(self.vault, self.files, self.objects, self.fetcher.fetch, now),
            scribe=self.scribe,
            weights=self.weights,
            now=now,
        )
        self.director = Director(desk)
        self.autoscaler = Autoscaler(
            settings=settings,
            capacity=self.computer.capacity,
            hints=self.hints,
            feed=self.feed,
            lines=Lines(settings, self.machine, self.catalog, self.deployments, self.footprints),
            predictions=self.predictions,
            instances=self.instances,
            footprints=self.footprints,
            now=now,
        )
        self.gauge = Gauge(
            machine=self.computer, instances=self.instances, footprints=self.footprints, now=now
        )
        self.rollouts = Rollouts(
            settings=settings,
            hints=self.hints,
            feed=self.feed,
            deployments=self.deployments,
            predictions=self.predictions,
            instances=self.instances,
            now=now,
        )
        self.janitor = Janitor(
            hints=self.hints,
            feed=self.feed,
            accounts=self.accounts,
            answers=self.answers,
            predictions=self.predictions,
            instances=self.instances,
            files=self.files,
            objects=self.objects,
            now=now,
        )
        self.eraser = Eraser(
            hints=self.hints, retention=Retention(self.database), objects=self.objects, now=now
        )
        self.links = SignInLinks()
        self.webhooks = Webhooks(
            hints=self.hints,
            deliveries=self.deliveries,
            predictions=self.predictions,
            renderer=self.renderer,
            signing=self.signing,
            egress=self.egress,
            now=now,
        )
        self.feed.on_end(self.webhooks.ended)
        self.treasurer = Treasurer(
            hints=self.hints,
            feed=self.feed,
            spending=self.spending,
            metering=Metering(self.database),
            predictions=self.predictions,
            signing=self.signing,
            egress=self.egress,
            now=now,
            stops=settings.limit_stops,
        )
        self._loops: list[asyncio.Task[None]] = []

    def app(self) -> ASGIApp:
        """The HTTP application."""
        ctx = Context(
            settings=self.settings,
            database=self.database,
            hints=self.hints,
            objects=self.objects,
            vault=self.vault,
            feed=self.feed,
            accounts=self.accounts,
            catalog=self.catalog,
            predictions=self.predictions,
            instances=self.instances,
            files=self.files,
            deployments=self.deployments,
            hardware=offered(self.settings.hardware, self.machine),
            discovery=self.discovery,
            machine=self.computer,
            builder=self.builder,
            installer=self.installer,
            aliases=self.aliases,
            installed=self.installed,
            limits=Limits(self.settings.create_limit, self.settings.call_limit),
            answers=self.answers,
            renderer=self.renderer,
            deliveries=self.deliveries,
            signing=self.signing,
            egress=self.egress,
            spending=self.spending,
            usage=self.usage,
            now=self.now,
        )
        return create_app(ctx, pages(ctx, self.links))

    async def first_token(self, chosen: str | None) -> str | None:
        """Make the first account when there is none; its token, if it was made here and not chosen before."""
        if await self.accounts.get(self.settings.account) is None:
            await self.accounts.create_account(
                self.settings.account, "user", self.settings.account, self.now()
            )
            _, token = await self.accounts.create_token(
                self.settings.account, "first", chosen, now=self.now()
            )
            return token
        if chosen:
            await self.accounts.create_token(self.settings.account, "given at start", chosen, now=self.now())
        return None

    async def start(self) -> None:
        """Clear up after an earlier process, then begin every loop."""
        await self.director.recover()
        await self.builder.sweep()
        await put_collections(self.discovery.collections, self.settings.collections, self.now())
        await self.weights.clear_up()
        for loop in (
            *(self.scribe, self.autoscaler, self.rollouts, self.director, self.janitor),
            *(self.weights, self.eraser, self.webhooks, self.treasurer, self.gauge),
        ):
            self._loops.append(asyncio.create_task(supervise(loop, self.hints), name=type(loop).__name__))

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
