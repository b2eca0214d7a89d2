"""A school for the tests: a trainable version, and fakes that learn."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from mainspring.launchers import LaunchSpec
from mainspring.records.catalog import Version
from mainspring.testing import FakeCog, Run
from tests.services.conftest import TEXT, House, eventually

TRAINABLE: Any = {
    "components": {
        "schemas": {
            **TEXT["components"]["schemas"],
            "TrainingInput": {
                "type": "object",
                "properties": {
                    "data": {"type": "string", "format": "uri", "x-order": 0},
                    "epochs": {"type": "integer", "maximum": 9, "x-order": 1},
                },
                "required": ["epochs"],
            },
            "TrainingOutput": {
                "type": "object",
                "properties": {"weights": {"type": "string", "format": "uri"}},
            },
        }
    }
}


class School:
    """Fakes that learn: each training writes its weights into its instance's outbox."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gate = asyncio.Event()
        self.gate.set()
        self.content = b"learned"
        self.given: dict[str, Any] = {}

    def make(self, spec: LaunchSpec) -> FakeCog:
        async def learn(run: Run) -> object:
            self.given = run.input
            await run.log("epoch 1\n")
            await self.gate.wait()
            place = self.root / spec.instance_id / "outbox" / "abc" / "weights.bin"
            place.parent.mkdir()
            place.write_bytes(self.content)
            return {"weights": "mainspring-output://abc/weights.bin", "loss": 0.5}

        async def tell(run: Run) -> object:
            return f"base {run.input['text']}" if spec.weights is None else spec.weights.read_text()

        return FakeCog(learn if spec.trains else tell)


async def add_trainable(house: House, name: str = "base") -> Version:
    path = await house.add_model(name, openapi=TRAINABLE)
    version = (await house.platform.ledger.catalog.list_versions(path, None, 1)).items[0]
    await house.platform.ledger.catalog.register_version(path, replace(version, trainer="train.py:train"))
    return replace(version, trainer="train.py:train")


async def train(house: House, version: Version, destination: str = "me/tuned", **more: Any) -> httpx.Response:
    body = {"destination": destination, "input": {"epochs": 2}, **more}
    return await house.http.post(f"/models/{version.model}/versions/{version.id}/trainings", json=body)


async def until(house: House, made: dict[str, Any], *statuses: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await house.http.get(f"/trainings/{made['id']}")).json()
        return found if found["status"] in statuses else None

    found: dict[str, Any] = await eventually(look)
    return found
