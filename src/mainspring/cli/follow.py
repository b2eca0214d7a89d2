"""Following one prediction to its end: the ledger is polled, and a text is streamed on top of that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from mainspring.cli.client import Client, Refused, Unreachable, read_lines
from mainspring.cli.terminal import CliError

TERMINAL = frozenset({"succeeded", "failed", "canceled", "aborted"})
PATIENCE_S = 30.0
_TRIES = 6

Prediction = dict[str, Any]


class View(Protocol):
    """Who is told of what happens."""

    def update(self, prediction: Prediction) -> None:
        """The prediction as it is now."""

    def text(self, chunk: str) -> None:
        """The next piece of its text."""


async def follow(client: Client, prediction: Prediction, view: View, *, stream: bool) -> Prediction:
    """The prediction in its terminal state; `view` is told on the way. A server that restarts is waited for."""
    url = prediction.get("urls", {}).get("stream") if stream else None
    ended = asyncio.Event()
    relay = asyncio.create_task(_relay(client, url, view, ended)) if url else None
    try:
        final = await _poll(client, prediction, view, ended)
        if relay and final["status"] == "succeeded":
            await asyncio.wait({relay}, timeout=5)
        return final
    finally:
        if relay:
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)


async def _poll(client: Client, prediction: Prediction, view: View, hurry: asyncio.Event) -> Prediction:
    pause, last = 0.03, time.monotonic()
    while True:
        view.update(prediction)
        if prediction["status"] in TERMINAL:
            return prediction
        try:
            async with asyncio.timeout(pause):
                await hurry.wait()
                hurry.clear()
        except TimeoutError:
            pause = min(pause * 1.5, 0.5)
        try:
            prediction = await client.get(f"/v1/predictions/{prediction['id']}")
            last = time.monotonic()
        except Unreachable:
            if time.monotonic() - last > PATIENCE_S:
                raise


async def _relay(client: Client, url: str, view: View, ended: asyncio.Event) -> None:
    last_id, tries = "", 0
    while tries < _TRIES:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        try:
            async with client.open_url(url, headers) as response:
                async for event in parse_events(response.aiter_bytes()):
                    last_id, tries = event.id or last_id, 0
                    if event.name == "output":
                        view.text(event.data)
                    elif event.name == "done":
                        ended.set()
                        return
        except Refused as error:
            if error.status not in (429, 502, 503):
                return
        except CliError:
            pass  # the poll tells of it when it lasts
        tries += 1
        await asyncio.sleep(0.1 * 2**tries)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    data: str
    id: str


async def parse_events(content: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """The events in `content`; an event that is cut off before its blank line is left out."""
    fields: dict[str, list[str]] = {}
    async for line in read_lines(content):
        if not line:
            if "data" in fields:
                name, number = (fields.get(k, [""])[-1] for k in ("event", "id"))
                yield Event(name or "message", "\n".join(fields["data"]), number)
            fields = {}
        elif not line.startswith(":"):
            key, _, value = line.partition(":")
            fields.setdefault(key, []).append(value.removeprefix(" "))
