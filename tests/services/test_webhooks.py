"""Deliveries over the whole schedule, with a clock that the test moves and a receiver that misbehaves."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from replicate.webhook import Webhooks as Official
from replicate.webhook import WebhookSigningSecret

from mainspring.core.egress import Egress
from mainspring.core.ids import new_id, rfc3339
from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.core.webhooks import secret_text
from mainspring.database import Statement
from mainspring.database.hints import Hints
from mainspring.database.sqlite import SqliteDatabase
from mainspring.records.catalog import Catalog
from mainspring.records.deliveries import Deliveries, Delivery
from mainspring.records.feed import Feed
from mainspring.records.predictions import Predictions
from mainspring.records.progress import Note, Progress
from mainspring.records.rendering import Renderer
from mainspring.records.signing import Signing
from mainspring.records.usage import UsageBook
from mainspring.records.vault import Vault
from mainspring.services.webhooks import Webhooks
from tests.services.receiver import OK, Receiver, answer

DONE = Outcome(status=Status.SUCCEEDED, output='"out"', logs="said\n", metrics='{"predict_time":0.1}')


class Desk:
    """The outbox and its loop, with a clock that stands still."""

    def __init__(self, root: Path, **more: Any) -> None:
        self.moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
        self.database = SqliteDatabase(root / "ledger.db")
        self.predictions, self.progress = Predictions(self.database), Progress(self.database)
        self.deliveries = Deliveries(self.database)
        vault, self.feed = Vault(root / "key"), Feed()
        self.signing = Signing(self.database, vault)
        self.renderer = Renderer(
            vault,
            Catalog(self.database),
            self.feed,
            self.predictions,
            self.progress,
            UsageBook(self.database),
        )
        self.hints = Hints()
        self.settings = {"egress": Egress.naming("localhost"), "timeout_s": 5.0} | more
        self.webhooks = self.loop()

    def loop(self) -> Webhooks:
        """A loop as a new process has it: it knows nothing."""
        return Webhooks(
            hints=self.hints,
            deliveries=self.deliveries,
            predictions=self.predictions,
            renderer=self.renderer,
            signing=self.signing,
            now=lambda: self.moment,
            **self.settings,
        )

    async def open(self) -> None:
        await self.database.write(
            Statement(
                "INSERT INTO instances (id, queue, model, version, state, devices, memory, slots, created_at,"
                " last_used_at) VALUES ('one', 'q', 'me/m', 'v', 'ready', '', 0, 9, :now, :now)",
                {"now": self.now},
            )
        )

    @property
    def now(self) -> str:
        return rfc3339(self.moment)

    def pass_time(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    async def begin(self, url: str, events: str | None = None, **more: Any) -> Prediction:
        """A running prediction."""
        made = Prediction(
            id=new_id(self.moment),
            account="me",
            model="me/m",
            version="v",
            queue="q",
            source="api",
            status=Status.STARTING,
            input='{"text":"hi"}',
            webhook=url,
            webhook_events_filter=events,
            created_at=self.now,
            base_url="http://here",
            **more,
        )
        return await self.predictions.create(made, "one")

    async def end(self, running: Prediction) -> Prediction:
        final = await self.predictions.finish(running, DONE, self.now)
        assert final is not None
        return final

    async def round(self) -> int:
        """One round of the loop, to the end of what it began."""
        taken = await self.webhooks.run_once()
        await self.webhooks.idle()
        return taken

    async def of(self, prediction: Prediction, event: str = "completed") -> Delivery:
        (found,) = [d for d in await self.deliveries.of(prediction.id) if d.event == event]
        return found


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    await made.open()
    yield made
    await made.webhooks.close(0)
    await made.database.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made


async def test_the_body_is_what_get_gives_and_its_signature_holds(desk: Desk, receiver: Receiver) -> None:
    final = await desk.end(await desk.begin(receiver.url))
    assert await desk.round() == 1
    (got,) = receiver.received
    assert got.body == await desk.renderer.body(final, "http://here")
    assert (got.said["status"], got.said["output"], got.said["webhook"]) == ("succeeded", "out", receiver.url)
    assert (got.path, got.headers["content-type"]) == ("/hook?a=b", "application/json")
    assert (got.id, got.headers["webhook-timestamp"]) == (
        f"{final.id}-completed-1",
        str(int(desk.moment.timestamp())),
    )
    (secret,) = await desk.signing.secrets("me", desk.moment)
    key = WebhookSigningSecret(key=secret_text(secret.key))
    Official.validate(headers=got.headers, body=got.body.decode(), secret=key)
    delivered = await desk.of(final)
    assert delivered.state == "delivered"
    assert [(t.attempt, t.at, t.status, t.error) for t in delivered.tried()] == [(1, desk.now, 200, None)]
    assert await desk.round() == 0


async def test_the_whole_schedule_to_the_dead_letter_and_sending_that_again(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.otherwise = answer(500)
    final = await desk.end(await desk.begin(receiver.url))
    for pause in (0, 5, 300, 1800, 7200, 18000, 36000, 36000):
        if pause:
            desk.pass_time(pause - 0.5)
            assert await desk.round() == 0
            desk.pass_time(1)
        assert await desk.round() == 1
        desk.webhooks = desk.loop()
    dead = await desk.of(final)
    assert (dead.state, dead.tries) == ("dead", 8)
    assert [(t.attempt, t.status, t.error) for t in dead.tried()] == [
        (n, 500, "answered 500") for n in range(1, 9)
    ]
    desk.pass_time(1_000_000)
    assert await desk.round() == 0
    assert [d.id for d in (await desk.deliveries.dead("me", None, 10)).items] == [dead.id]
    assert await desk.deliveries.resend(final.id, "completed", desk.now)
    receiver.otherwise = OK
    assert await desk.round() == 1
    assert (await desk.of(final)).state == "delivered"
    assert {r.id for r in receiver.received} == {f"{final.id}-completed-1"}
    assert {r.body for r in receiver.received} == {receiver.received[0].body}
    assert len({r.headers["webhook-timestamp"] for r in receiver.received}) == 9


@pytest.mark.parametrize(
    ("reply", "status", "told"),
    [
        (answer(302, "Location: http://localhost:1/"), 302, "answered 302, and redirects are not followed"),
        (answer(404), 404, "answered 404"),
        (answer(304), 304, "answered 304, and redirects are not followed"),
        (None, None, "not reached: the connection was closed"),
        (b"SSH-2.0-OpenSSH\r\n", None, "it does not speak HTTP"),
        (answer(204), 204, None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, None),
        (answer(200, body="x" * 200_000), 200, None),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, None),
    ],
)
async def test_only_2xx_counts(
    desk: Desk, receiver: Receiver, reply: bytes | None, status: int | None, told: str | None
) -> None:
    receiver.answers = [reply]
    final = await desk.end(await desk.begin(receiver.url))
    await desk.round()
    delivery = await desk.of(final)
    (tried,) = delivery.tried()
    assert (tried.status, tried.error) == (status, told)
    assert delivery.state == ("pending" if told else "delivered")
    assert len(receiver.received) == 1


async def test_a_receiver_that_is_down_gets_it_when_it_is_back(desk: Desk) -> None:
    receiver = Receiver()
    async with receiver:
        url = receiver.url
    final = await desk.end(await desk.begin(url))
    await desk.round()
    (tried,) = (await desk.of(final)).tried()
    assert tried.status is None
    assert "not reached" in str(tried.error)
    desk.pass_time(6)
    async with receiver:
        await desk.round()
    assert [t.status for t in (await desk.of(final)).tried()] == [None, 200]


async def test_it_is_not_waited_for_longer_than_the_time_limit(tmp_path: Path, receiver: Receiver) -> None:
    desk = Desk(tmp_path, timeout_s=0.05)
    await desk.open()
    receiver.answers = [asyncio.Event()]
    final = await desk.end(await desk.begin(receiver.url))
    await desk.round()
    assert [t.error for t in (await desk.of(final)).tried()] == ["no answer within 0.05 s"]
    await desk.webhooks.close(0)
    await desk.database.close()


async def test_a_slow_receiver_holds_up_nobody_else(desk: Desk, receiver: Receiver) -> None:
    gate = asyncio.Event()
    async with Receiver() as slow:
        slow.answers = [gate] * 300
        for _ in range(100):
            await desk.end(await desk.begin(slow.url))
        assert await desk.webhooks.run_once() > 0
        await slow.until(16)
        for _ in range(50):
            await desk.end(await desk.begin(receiver.url))
        await desk.webhooks.run_once()
        assert len(await receiver.until(50)) == 50
        assert (len(slow.received), slow.most_at_once) == (16, 16)
        gate.set()
        while len(slow.received) < 100:
            await desk.round()
        assert len({r.id for r in slow.received}) == 100
        assert slow.most_at_once == 16


async def test_connections_are_used_again_and_one_that_was_hung_up_on_is_replaced(
    desk: Desk, receiver: Receiver
) -> None:
    for _ in range(5):
        await desk.end(await desk.begin(receiver.url))
        await desk.round()
    assert receiver.connections == 1
    receiver.answers = [OK, None]
    finals = []
    for _ in range(2):
        finals.append(await desk.end(await desk.begin(receiver.url)))
        await desk.round()
    assert receiver.connections == 2
    assert (await desk.of(finals[1])).state == "delivered"


async def test_events_come_in_order_and_completed_after_all_of_them(desk: Desk, receiver: Receiver) -> None:
    running = await desk.begin(receiver.url, '["start","output","logs","completed"]')
    await desk.progress.say([Note(running, [b'"a"'], ["x\n"])], 1, desk.now)
    final = await desk.end(running)
    desk.webhooks.ended(final)
    for _ in range(3):
        await desk.round()
    assert [r.id.removeprefix(final.id) for r in receiver.received] == ["-start-1", "-completed-1"]
    started, completed = (r.said for r in receiver.received)
    assert (started["status"], started["output"], started["logs"]) == ("processing", None, "")
    assert "completed_at" not in started
    assert completed["status"] == "succeeded"


async def test_completed_waits_for_an_output_that_is_on_its_way(desk: Desk, receiver: Receiver) -> None:
    gate = asyncio.Event()
    receiver.answers = [gate]
    running = await desk.begin(receiver.url)
    await desk.progress.say([Note(running, [b'"a"'], [])], 1, desk.now)
    await desk.webhooks.run_once()
    await receiver.until(1)
    desk.webhooks.ended(await desk.end(running))
    await desk.webhooks.run_once()
    assert [r.said["status"] for r in receiver.received] == ["processing"]
    gate.set()
    while len(receiver.received) < 2:
        await desk.round()
    assert [r.said["status"] for r in receiver.received] == ["processing", "succeeded"]


async def test_output_is_told_at_most_twice_a_second_with_the_newest_state(
    desk: Desk, receiver: Receiver
) -> None:
    live, running = desk.feed, await desk.begin(receiver.url, '["logs"]')
    tee = live.open(running.id)
    for beat in range(20):
        tee.say([], [f"{beat}\n"])
        await desk.progress.say([Note(running, [], [f"{beat}\n"])], beat, desk.now)
        await desk.round()
        desk.pass_time(0.1)
    assert [r.said["logs"].count("\n") for r in receiver.received] == [1, 7, 13, 19]
    assert [r.id.rpartition("-")[2] for r in receiver.received] == ["1", "7", "13", "19"]


async def test_who_waits_for_the_next_try_can_be_sent_at_once(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = [answer(500), answer(500)]
    final = await desk.end(await desk.begin(receiver.url))
    assert not await desk.deliveries.resend(final.id, "completed", desk.now)
    await desk.round()
    desk.pass_time(6)
    await desk.round()
    assert await desk.round() == 0
    assert await desk.deliveries.resend(final.id, "completed", desk.now)
    assert await desk.round() == 1
    assert (await desk.of(final)).state == "delivered"


async def test_other_events_are_tried_once(desk: Desk, receiver: Receiver) -> None:
    receiver.otherwise = answer(500)
    running = await desk.begin(receiver.url, '["start"]')
    await desk.round()
    desk.pass_time(100_000)
    assert await desk.round() == 0
    assert (await desk.of(running, "start")).state == "failed"
    assert len(receiver.received) == 1


async def test_a_training_names_its_own_urls(desk: Desk, receiver: Receiver) -> None:
    await desk.end(await desk.begin(receiver.url, kind="training"))
    await desk.round()
    said = receiver.received[0].said
    assert said["urls"]["get"] == f"http://here/v1/trainings/{said['id']}"


async def test_hosts_that_are_not_allowed_any_more_are_not_connected_to(
    tmp_path: Path, receiver: Receiver
) -> None:
    desk = Desk(tmp_path, egress=Egress())
    await desk.open()
    final = await desk.end(await desk.begin(receiver.url))
    await desk.round()
    delivery = await desk.of(final)
    assert delivery.state == "pending"
    assert "private address" in str(delivery.tried()[0].error)
    assert receiver.connections == 0
    await desk.webhooks.close(0)
    await desk.database.close()


async def test_a_name_that_resolves_to_a_private_address_is_not_connected_to(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, egress=Egress())
    await desk.open()
    asked = []

    def rebound(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", receiver.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    final = await desk.end(await desk.begin(f"https://rebound.example:{receiver.port}/"))
    await desk.round()
    assert asked == ["rebound.example"]
    assert "private address" in str((await desk.of(final)).tried()[0].error)
    assert receiver.connections == 0
    await desk.webhooks.close(0)
    await desk.database.close()


async def test_a_name_that_nobody_answers_for_holds_up_nobody_else(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, timeout_s=0.2)
    await desk.open()
    answered, ask = threading.Event(), socket.getaddrinfo

    def slowly(host: str, port: int, **more: Any) -> Any:
        if host == "silent.example":
            answered.wait(10)
        return ask(host, port, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    lost = [await desk.end(await desk.begin("https://silent.example/")) for _ in range(40)]
    well = await desk.end(await desk.begin(receiver.url))
    await desk.round()
    answered.set()
    assert [t.error for t in (await desk.of(lost[0])).tried()] == ["no answer within 0.2 s"]
    assert (await desk.of(well)).state == "delivered"
    await desk.webhooks.close(0)
    await desk.database.close()


async def test_two_secrets_sign_while_one_replaces_the_other(desk: Desk, receiver: Receiver) -> None:
    (old,) = await desk.signing.secrets("me", desk.moment)
    desk.pass_time(1)
    new, still = await desk.signing.rotate("me", desk.moment)
    assert (still.key, new.key != old.key, len(new.key)) == (old.key, True, 24)
    await desk.end(await desk.begin(receiver.url))
    await desk.round()
    (got,) = receiver.received
    for secret in (old, new):
        key = WebhookSigningSecret(key=secret_text(secret.key))
        Official.validate(headers=got.headers, body=got.body.decode(), secret=key)
    desk.pass_time(86_401)
    desk.signing._recent.forget()
    assert [s.key for s in await desk.signing.secrets("me", desk.moment)] == [new.key]
    row = await desk.database.fetch("SELECT sealed FROM webhook_secrets")
    assert all(secret_text(new.key)[6:] not in r["sealed"] for r in row)


async def test_what_could_not_be_noted_is_not_sent_again_and_again(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, faults = desk.deliveries.settle, [OSError("full"), OSError("full")]

    async def failing(settled: Any) -> None:
        if faults:
            raise faults.pop()
        await settle(settled)

    monkeypatch.setattr(desk.deliveries, "settle", failing)
    monkeypatch.setattr("mainspring.services.webhooks._PAUSE_S", 0.01)
    final = await desk.end(await desk.begin(receiver.url))
    await desk.webhooks.run_once()
    while faults:
        assert await desk.webhooks.run_once() == 0
        await asyncio.sleep(0)
    await desk.webhooks.idle()
    assert len(receiver.received) == 1
    assert (await desk.of(final)).state == "delivered"
