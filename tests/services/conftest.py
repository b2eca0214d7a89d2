"""A whole platform in this process; only the model is a fake, at Cog's HTTP edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.core.ids import rfc3339
from mainspring.database.hints import Hints
from mainspring.launchers import LaunchSpec
from mainspring.platform import Platform
from mainspring.records.catalog import Model, Version
from mainspring.settings import Settings
from mainspring.testing import FakeCog, FakeLauncher, Run

TOKEN = "ms_0123456789abcdefghijklmnopqrstuvwxyzA"
INPUT = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "x-order": 0},
        "key": {"type": "string", "format": "password", "x-cog-secret": True, "x-order": 1},
    },
}
TEXT = {"components": {"schemas": {"Input": INPUT, "Output": {"type": "string"}}}}
PIECES = {
    "type": "array",
    "items": {"type": "string"},
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
}
STREAM = {"components": {"schemas": {"Input": INPUT, "Output": PIECES}}}


FILE = {"components": {"schemas": {"Input": INPUT, "Output": {"type": "string", "format": "uri"}}}}


class Clock:
    """The time of day, with what was passed on top."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.passed


class House:
    """The platform, its fake models and a client."""

    def __init__(self, platform: Platform, launcher: FakeLauncher, clock: Clock) -> None:
        self.platform = platform
        self.clock = clock
        self.launcher = launcher
        self.app: Any = platform.app()
        transport = httpx.ASGITransport(self.app)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.http = httpx.AsyncClient(transport=transport, base_url="http://here/v1", headers=headers)

    async def add_model(self, name: str = "m", *, slots: int = 1, openapi: Any = TEXT, **more: Any) -> str:
        """A model with one version."""
        now = rfc3339(self.platform.janitor._now())
        await self.platform.ledger.catalog.create_model(
            Model(owner="me", name=name, visibility="public", created_at=now, **{"hardware": "cpu"} | more)
        )
        version = Version(
            model=f"me/{name}",
            id=(name.encode().hex() + "0" * 64)[:64],
            created_at=now,
            cog_version="0.23.1",
            openapi_schema=openapi,
            predictor="predict.py:Predictor",
            slots=slots,
            gpu=False,
            env={},
            source="s",
            environment="e",
        )
        await self.platform.ledger.catalog.register_version(f"me/{name}", version)
        return f"me/{name}"

    async def create(self, model: str, wait: bool = False, **headers: str) -> dict[str, Any]:
        """A new prediction, ended when wait is set."""
        if wait:
            headers["Prefer"] = "wait=30"
        reply = await self.http.post(
            f"/models/{model}/predictions", json={"input": {"text": "hi"}}, headers=headers, timeout=60
        )
        assert reply.status_code == 201, reply.text
        made: dict[str, Any] = reply.json()
        return made

    async def get(self, made: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(f"/predictions/{made['id']}")).json()
        return found

    async def until(self, made: dict[str, Any], *statuses: str) -> dict[str, Any]:
        """The prediction once it has one of the statuses."""

        async def look() -> dict[str, Any] | None:
            found = await self.get(made)
            return found if found["status"] in statuses else None

        return await eventually(look)


def gated(gate: asyncio.Event) -> FakeCog:
    """A model whose runs wait on gate."""
    cog = FakeCog()
    cog.gate = gate
    return cog


def painting(houses: list[House]) -> Callable[[LaunchSpec], FakeCog]:
    """Models that put out a file; houses: the one that they are for, once it is there."""

    def make(spec: LaunchSpec) -> FakeCog:
        async def paint(run: Run) -> object:
            folder = houses[0].launcher.root / spec.instance_id / "outbox" / "a1"
            folder.mkdir()
            (folder / "x.txt").write_text("painted")
            return "mainspring-output://a1/x.txt"

        return FakeCog(paint)

    return make


async def eventually(look: Callable[[], Awaitable[Any]], limit_s: float = 10) -> Any:
    """What look gives once it gives something."""
    async with asyncio.timeout(limit_s):
        while not (found := await look()):
            await asyncio.sleep(0.005)
    return found


Open = Callable[..., Awaitable[House]]


@pytest.fixture
async def open_house(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[House] = []

    async def open_one(*, hints: bool = True, make: Any = None, tracer: Any = None, **settings: Any) -> House:
        launcher = FakeLauncher(tmp_path / "instances", make)
        given = Settings(data=tmp_path, account="me", **{"cancel_grace_s": 0.2, "call_limit": 0, **settings})
        clock = Clock()
        platform = Platform(given, launcher=launcher, hints=Hints(enabled=hints), now=clock, tracer=tracer)
        await platform.ledger.accounts.begin("me", TOKEN, clock())
        await platform.start()
        house = House(platform, launcher, clock)
        opened.append(house)
        return house

    yield open_one
    for house in opened:
        await house.http.aclose()
        await house.platform.stop(0)
        await house.launcher.close()
