"""Each change of state leaves in the outbox what it must, in the same transaction, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.database import Statement
from mainspring.database.sqlite import SqliteDatabase
from mainspring.records.deliveries import Deliveries, Delivery, Settled, Try
from mainspring.records.predictions import Predictions
from mainspring.records.progress import Note, Progress

NOW, LATER, MUCH_LATER = (f"2026-05-01T12:00:0{n}.000000Z" for n in (0, 1, 5))
ALL = '["start","output","logs","completed"]'
DONE = Outcome(status=Status.SUCCEEDED, output='["a"]', logs="x")
States = dict[str, tuple[str, int]]


@pytest.fixture
async def predictions(database: SqliteDatabase) -> Predictions:
    await database.write(
        Statement(
            "INSERT INTO instances (id, queue, model, version, state, devices, memory, slots, created_at,"
            " last_used_at) VALUES ('one', 'q', 'me/m', 'v', 'ready', '', 0, 9, :now, :now)",
            {"now": NOW},
        )
    )
    return Predictions(database)


@pytest.fixture
def progress(database: SqliteDatabase) -> Progress:
    return Progress(database)


@pytest.fixture
def deliveries(database: SqliteDatabase) -> Deliveries:
    return Deliveries(database)


def new(
    number: int = 1, events: str | None = ALL, webhook: str | None = "https://example.com/hook"
) -> Prediction:
    return Prediction(
        id=f"{number:026}",
        account="me",
        model="me/m",
        version="v",
        queue="q",
        source="api",
        status=Status.STARTING,
        input="{}",
        webhook=webhook,
        webhook_events_filter=events,
        created_at=NOW,
    )


async def states(deliveries: Deliveries, number: int = 1) -> States:
    return {d.event: (d.state, d.revision) for d in await deliveries.of(new(number).id)}


async def due(deliveries: Deliveries, now: str = MUCH_LATER) -> list[str]:
    return [event for _, event in await deliveries.due("example.com:443", now, 10)]


async def the_due(deliveries: Deliveries, now: str) -> Delivery:
    (key,) = await deliveries.due("example.com:443", now, 1)
    found = await deliveries.get(*key)
    assert found is not None
    return found


async def send(deliveries: Deliveries, event: str, *, due_at: str = LATER, state: str = "delivered") -> None:
    (delivery,) = [d for d in await deliveries.of(new().id) if d.event == event]
    await deliveries.settle([Settled(delivery, Try(1, NOW, 200, 0.1, None), state, due_at)])


@pytest.mark.parametrize("seat", ["one", None], ids=["claimed with the insert", "claimed later"])
async def test_all_of_a_life(
    predictions: Predictions, deliveries: Deliveries, seat: str | None, progress: Progress
) -> None:
    running = await predictions.create(new(), seat)
    if seat is None:
        assert await states(deliveries) == {"start": ("waiting", 0)}
        assert await deliveries.hosts(NOW) == []
        (running,) = await predictions.claim("q", "one", 1, NOW)
    assert await states(deliveries) == {"start": ("pending", 1)}
    assert await deliveries.hosts(NOW) == ["example.com:443"]
    await progress.say([Note(running, [b'"a"'], [])], 1, NOW)
    assert await due(deliveries) == ["start"]
    await send(deliveries, "start")
    assert await due(deliveries) == ["output"]
    await progress.say([Note(running, [], ["x"])], 2, NOW)
    assert await due(deliveries) == ["output", "logs"]
    await predictions.finish(running, DONE, NOW)
    assert await states(deliveries) == {
        "start": ("delivered", 1),
        "output": ("superseded", 1),
        "logs": ("superseded", 1),
        "completed": ("pending", 1),
    }
    assert await due(deliveries) == ["completed"]


async def test_an_event_that_happens_again_before_it_is_sent_is_sent_once(
    predictions: Predictions, deliveries: Deliveries, progress: Progress
) -> None:
    running = await predictions.create(new(events='["output"]'), "one")
    for beat in (1, 2, 3):
        await progress.say([Note(running, [b"1"], [])], beat, NOW)
    assert await states(deliveries) == {"output": ("pending", 3)}
    await send(deliveries, "output")
    assert await due(deliveries) == []
    await progress.say([Note(running, [b"1"], [])], 4, NOW)
    assert await due(deliveries, NOW) == []
    assert await due(deliveries, LATER) == ["output"]


async def test_what_happens_while_it_is_sent_is_not_lost(
    predictions: Predictions, deliveries: Deliveries, progress: Progress
) -> None:
    running = await predictions.create(new(events='["output"]'), "one")
    await progress.say([Note(running, [b"1"], [])], 1, NOW)
    sent = await the_due(deliveries, NOW)
    await progress.say([Note(running, [b"2"], [])], 2, NOW)
    await deliveries.settle([Settled(sent, Try(1, NOW, 200, 0.1, None), "delivered", LATER)])
    assert await states(deliveries) == {"output": ("pending", 2)}
    assert await due(deliveries, LATER) == ["output"]


async def test_a_lost_instance_takes_back_what_was_said(
    predictions: Predictions, deliveries: Deliveries, progress: Progress
) -> None:
    running = await predictions.create(new(), "one")
    await progress.say([Note(running, [b"1"], ["x"])], 1, NOW)
    await send(deliveries, "start")
    await predictions.lose_instance("one", 3, "lost", NOW)
    assert await due(deliveries) == []
    await progress.say([Note(running, [b"1"], ["x"])], 2, NOW)
    assert await due(deliveries) == []
    await predictions.claim("q", "one", 1, LATER)
    assert await states(deliveries) == {
        "start": ("pending", 2),
        "output": ("superseded", 1),
        "logs": ("superseded", 1),
    }


@pytest.mark.parametrize("ending", ["cancel", "deadline", "queue", "lost", "canceled and lost"])
async def test_every_way_to_end_is_told(
    predictions: Predictions, deliveries: Deliveries, ending: str
) -> None:
    made = await predictions.create(new(events=None), "one" if "lost" in ending else None)
    if ending == "queue":
        assert len(await predictions.fail_queue("q", "no", "", NOW)) == 1
    elif "lost" in ending:
        if "canceled" in ending:
            await predictions.ask_cancel(made.id, NOW)
        _, ended = await predictions.lose_instance("one", 1, "lost", NOW)
        assert len(ended) == 1
    else:
        status = Status.CANCELED if ending == "cancel" else Status.ABORTED
        assert await predictions.end_waiting(made.id, status, NOW) is not None
        assert await predictions.end_waiting(made.id, status, NOW) is None
    assert await states(deliveries) == {"completed": ("pending", 1)}


async def test_who_lost_the_race_to_end_it_tells_nobody(
    predictions: Predictions, deliveries: Deliveries
) -> None:
    running = await predictions.create(new(events=None), "one")
    stranger = replace(running, attempt=7)
    assert await predictions.finish(stranger, DONE, NOW) is None
    assert await predictions.end_waiting(running.id, Status.CANCELED, NOW) is None
    assert await states(deliveries) == {}
    assert await predictions.finish(running, DONE, NOW) is not None
    assert await predictions.finish(running, DONE, NOW) is None
    assert await states(deliveries) == {"completed": ("pending", 1)}


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (None, {"completed"}),
        ('["completed"]', {"completed"}),
        ('["start"]', {"start"}),
        ('["output"]', {"output"}),
        ('["output","logs"]', {"output", "logs"}),
        ("[]", set()),
    ],
)
async def test_the_filter_decides(
    predictions: Predictions, deliveries: Deliveries, events: str | None, told: set[str]
) -> None:
    """Without `completed` in the filter, the last output and logs are still told."""
    running = await predictions.create(new(events=events), "one")
    await predictions.finish(running, DONE, NOW)
    assert {d.event for d in await deliveries.of(running.id) if d.state == "pending"} == told


async def test_without_a_webhook_there_is_nothing(
    predictions: Predictions, deliveries: Deliveries, progress: Progress
) -> None:
    running = await predictions.create(new(webhook=None), "one")
    await progress.say([Note(running, [b"1"], ["x"])], 1, NOW)
    await predictions.finish(running, DONE, NOW)
    assert await states(deliveries) == {}


async def test_a_canceled_one_that_never_started_does_not_tell_of_its_start(
    predictions: Predictions, deliveries: Deliveries
) -> None:
    await predictions.create(new())
    await predictions.end_waiting(new().id, Status.CANCELED, NOW)
    assert await states(deliveries) == {"start": ("superseded", 0), "completed": ("pending", 1)}


async def test_dead_letters_are_listed_for_their_account_and_sent_again(
    predictions: Predictions, deliveries: Deliveries
) -> None:
    running = await predictions.create(new(events=None), "one")
    await predictions.finish(running, DONE, NOW)
    await send(deliveries, "completed", state="dead")
    assert [d.id for d in (await deliveries.dead("me", None, 10)).items] == [f"{running.id}-completed"]
    assert (await deliveries.dead("you", None, 10)).items == ()
    assert await deliveries.resend(running.id, "completed", LATER)
    assert not await deliveries.resend(running.id, "completed", LATER)
    again = await the_due(deliveries, LATER)
    assert (again.tries, len(again.tried()), again.webhook_id) == (0, 1, f"{running.id}-completed-1")


async def test_old_rows_go_but_not_what_is_still_to_be_sent(
    predictions: Predictions, deliveries: Deliveries
) -> None:
    for number in (1, 2, 3):
        running = await predictions.create(new(number, events=None), "one")
        await predictions.finish(running, DONE, NOW)
    await send(deliveries, "completed")
    assert await deliveries.prune(f"{3:026}", 10) == 1
    assert [list(await states(deliveries, n)) for n in (1, 2, 3)] == [[], ["completed"], ["completed"]]
