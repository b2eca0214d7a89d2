"""A house with an organization: its people, somebody else, and something of everything that it has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from mainspring.core.ids import rfc3339
from mainspring.core.people import Role
from mainspring.core.prediction import Status
from mainspring.core.queue import Queue
from mainspring.core.shapes import CollectionBody
from mainspring.records.deployments import Release
from mainspring.records.files import File
from mainspring.records.instances import Instance
from mainspring.records.sharing import Shares
from mainspring.settings import Settings
from tests.api.house import START, House, open_house
from tests.api.samples import PREDICTION, succeeded

V = "b" * 64
WAITING = PREDICTION.replace("3", "4", 1)
TRAINING = PREDICTION.replace("3", "5", 1)
PEOPLE = {"olga": Role.OWNER, "mia": Role.MEMBER, "vic": Role.VIEWER}
NOW = rfc3339(START)


@asynccontextmanager
async def organized(root: Path, **settings: object) -> AsyncIterator[House]:
    """The operator is root; acme's people are olga, mia, vic and wim; ada and bob are strangers to it."""
    root.mkdir(exist_ok=True)
    given = {"account": "root", "create_limit": 0, "call_limit": 0} | settings
    async with open_house(root, Settings(data=root, **given)) as house:  # type: ignore[arg-type]
        accounts, members = house.context.accounts, house.context.members
        for name in ("root", "wim", *PEOPLE):
            await accounts.create_account(name, "user", name.title(), START)
            _, house.tokens[name] = await accounts.create_token(name, "test", now=START)
        await members.create("acme", "Acme", "olga", START)
        for name, role in {**PEOPLE, "wim": Role.MEMBER}.items():
            await members.put("acme", name, role, START)
        _, house.tokens["acme"] = await accounts.create_token("acme", "its own", now=START)
        token, _ = await accounts.create_token("acme", "another", now=START)
        house.ids["acme"] = token.id
        await _furnish(house)
        yield house


async def _furnish(house: House) -> None:
    """Private models, predictions, a training, a file, deployments, an instance, a share and a limit of acme."""
    ctx = house.context
    await ctx.builder.sweep()
    for name, digit in (("closed", "b"), ("spare", "c")):
        await house.model(name, "acme", visibility="private", readme="# Closed", description="unheard-of")
        version = await house.version(f"acme/{name}", digit)
        await ctx.catalog.register_version(f"acme/{name}", replace(version, trainer="train.py:train"))
    await house.model("empty", "acme", visibility="private")
    line = {"account": "acme", "model": "acme/closed", "version": V, "queue": f"acme/closed:{V}"}
    await succeeded(house, webhook="https://example.com/hook", **line)
    open_now = {"status": Status.STARTING, "output": None, "started_at": None, "completed_at": None}
    await succeeded(house, WAITING, **line | open_now)
    await succeeded(house, TRAINING, **line | open_now, kind="training", destination="acme/closed")
    assert await ctx.discovery.examples.add("acme/closed", PREDICTION, NOW, default=True)
    await ctx.discovery.collections.put("all", CollectionBody("All", "", None, ["acme/closed"]), NOW)
    await Shares(ctx.database).add(PREDICTION, NOW)
    for name, most in (("live", 1), ("idle", 0)):
        release = Release(
            deployment=f"acme/{name}",
            number=0,
            line=0,
            model="acme/closed",
            version=V,
            hardware="cpu",
            min_instances=0,
            max_instances=most,
            created_by="olga",
            created_at=NOW,
        )
        await ctx.deployments.create("acme", name, release)
    await ctx.instances.add(
        Instance(
            id="instance",
            queue=str(Queue("acme/closed", V)),
            model="acme/closed",
            version=V,
            state="ready",
            devices=(),
            memory=1,
            slots=1,
            created_at=NOW,
            last_used_at=NOW,
        )
    )
    await ctx.files.create(
        File(
            id="file",
            account="acme",
            name="a.txt",
            content_type="text/plain",
            size=0,
            sha256="0" * 64,
            md5="0" * 32,
            metadata={},
            created_at=NOW,
            expires_at="2099-01-01T00:00:00.000000Z",
        )
    )
