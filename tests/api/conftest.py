"""A house for each test, and clients of its accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from mainspring.settings import Settings
from tests.api.house import House, open_house


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
async def house(tmp_path: Path, settings: Settings) -> AsyncIterator[House]:
    async with open_house(tmp_path, settings) as opened:
        yield opened


@pytest.fixture
async def ada(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


@pytest.fixture
async def bob(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client("bob") as client:
        yield client


@pytest.fixture
async def nobody(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client(None) as client:
        yield client
