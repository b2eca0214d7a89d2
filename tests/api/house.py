"""A platform without instances: the whole HTTP surface over a real ledger and a real object store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from mainspring.api.app import create_app
from mainspring.api.context import Context
from mainspring.api.limits import Limits
from mainspring.core.egress import Egress
from mainspring.core.hardware import offered
from mainspring.core.ids import rfc3339
from mainspring.core.placement import Capacity
from mainspring.database.hints import Hints
from mainspring.database.sqlite import SqliteDatabase
from mainspring.launchers.gpus import find_devices
from mainspring.launchers.machine import Machine
from mainspring.objects.disk import DiskObjects
from mainspring.records.catalog import Model, Version
from mainspring.records.feed import Feed
from mainspring.records.ledger import Ledger
from mainspring.records.observed import Observed
from mainspring.records.rendering import Renderer
from mainspring.records.vault import Vault
from mainspring.services.builder import Builder
from mainspring.services.health import Health
from mainspring.services.installer import Installer
from mainspring.settings import Settings
from tests.api.conformance import Checked

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
BASE = "https://mainspring.test"


@dataclass(slots=True)
class House:
    """Its context, its app, clocks (of the day, monotonic) that stand still, tokens by account, and their ids."""

    context: Context
    app: Any
    clock: list[datetime]
    passed: list[float]
    tokens: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    def client(self, account: str | None = "ada") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.tokens[account]}"} if account else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url=f"{BASE}/v1", headers=headers
        )

    def pass_time(self, seconds: float) -> None:
        self.clock[0] += timedelta(seconds=seconds)
        self.passed[0] += seconds

    async def model(self, name: str = "hello", owner: str = "ada", **given: Any) -> Model:
        fields = {"visibility": "public", "hardware": "cpu", "created_at": rfc3339(self.clock[0])} | given
        return await self.context.catalog.create_model(Model(owner=owner, name=name, **fields))

    async def version(self, model: str = "ada/hello", digit: str = "a") -> Version:
        version = Version(
            model=model,
            id=digit * 64,
            created_at=rfc3339(self.clock[0]),
            cog_version="0.23.1",
            openapi_schema={"openapi": "3.0.2", "components": {"schemas": {"Input": {"properties": {}}}}},
            predictor="predict.py:Predictor",
            slots=1,
            gpu=False,
            env={},
            source="s",
            environment="e",
        )
        return await self.context.catalog.register_version(model, version)


async def document_of(app: Any) -> dict[str, Any]:
    """The document that an app publishes."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        found: dict[str, Any] = (await client.get("/openapi.json")).json()
        return found


@asynccontextmanager
async def open_house(root: Path, settings: Settings, *, fresh: bool = True) -> AsyncIterator[House]:
    """A house in an empty directory, with the accounts ada and bob; or, not fresh, one that was there."""
    database = SqliteDatabase(root / "ledger.db")
    clock, passed = [START], [1000.0]
    now: Callable[[], datetime] = lambda: clock[0]  # noqa: E731
    vault, feed, objects = Vault(root / "key"), Feed(), DiskObjects(root / "objects")
    ledger = Ledger.over(database, vault)
    builder = Builder(settings=settings, catalog=ledger.catalog, now=now, gpus=0)
    health = Health(
        database=database, objects=objects, launcher=None, feed=feed, min_free=0, clock=lambda: passed[0]
    )
    health.phase = "running"
    compare = settings.compare_prices
    context = Context(
        **ledger.records(),
        settings=settings,
        database=database,
        hints=Hints(),
        objects=objects,
        vault=vault,
        feed=feed,
        hardware=offered(settings.hardware, Capacity(cpus=2, memory=1 << 33, gpus=1)),
        machine=Machine(find_devices("1x24")),
        builder=builder,
        installer=Installer(
            settings=settings,
            builder=builder,
            accounts=ledger.accounts,
            members=ledger.members,
            catalog=ledger.catalog,
            aliases=ledger.aliases,
            installed=ledger.installed,
            now=now,
        ),
        limits=Limits(settings.create_limit, settings.call_limit, lambda: passed[0]),
        renderer=Renderer(
            vault, ledger.catalog, feed, ledger.predictions, ledger.progress, ledger.usage, compare=compare
        ),
        egress=Egress.naming(settings.webhook_hosts),
        observed=Observed(),
        health=health,
        now=now,
    )
    tokens = {}
    for name in ("ada", "bob") if fresh else ():
        await context.accounts.create_account(name, "user", name.title(), START)
        _, tokens[name] = await context.accounts.create_token(name, "test", now=START)
    app = create_app(context)
    yield House(context, Checked(app, await document_of(app)), clock, passed, tokens)
    await database.close()
