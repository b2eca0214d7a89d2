"""A platform with pages, and browsers that look at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.api.app import create_app
from mainspring.core.ids import rfc3339
from mainspring.records.catalog import Version
from mainspring.settings import Settings
from mainspring.web.pages import pages
from tests.api.house import House, open_house

FROM_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, Settings(data=tmp_path)) as opened:
        yield replace(opened, app=create_app(opened.context, pages(opened.context)))


@pytest.fixture
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(house, "http://box:8585") as client:
        yield client


def browse(house: House, url: str, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(house.app), base_url=url, headers=FROM_A_BROWSER | headers
    )


async def sign_in(house: House, browser: httpx.AsyncClient, account: str = "ada") -> httpx.Response:
    """The reply to the form with the account's token."""
    origin = str(browser.base_url).rstrip("/")
    given = {"token": house.tokens[account], "next": "/"}
    return await browser.post("/login", data=given, headers={"Origin": origin})


async def publish(
    house: House,
    properties: Mapping[str, Any],
    output: Mapping[str, Any],
    *,
    required: tuple[str, ...] = (),
    digit: str = "a",
    **model: Any,
) -> Version:
    """A model with one version that has these inputs and this output."""
    made = await house.model(**model)
    schema = {
        "openapi": "3.0.2",
        "components": {
            "schemas": {
                "Input": {"type": "object", "properties": dict(properties), "required": list(required)},
                "Mode": {"type": "string", "enum": ["fast", "good"]},
                "Output": dict(output),
            }
        },
    }
    version = Version(
        model=made.full_name,
        id=digit * 64,
        created_at=rfc3339(house.clock[0]),
        cog_version="0.23.1",
        openapi_schema=schema,
        predictor="predict.py:Runner",
        slots=1,
        gpu=False,
        env={},
        source="s",
        environment="e",
    )
    return await house.context.catalog.register_version(made.full_name, version)
