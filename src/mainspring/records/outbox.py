"""What a change of a prediction's state puts into the outbox: statements for the transaction that makes the change."""

from __future__ import annotations

from mainspring.core.egress import RefusedTarget, parse_target
from mainspring.core.prediction import Prediction
from mainspring.core.webhooks import RANKS, wanted
from mainspring.database import Params, Statement

WAIT = """
    INSERT INTO deliveries (prediction_id, event, rank, host, state, revision, due_at)
    VALUES (:id, 'start', :rank, :host, 'waiting', 0, :now)"""
START = """
    UPDATE deliveries SET state = 'pending', revision = revision + 1, tries = 0, due_at = :now
    WHERE event = 'start' AND prediction_id IN (
        SELECT id FROM predictions WHERE instance_id = :instance AND status = 'processing' AND started_at = :now)"""
BEGUN = """
    UPDATE deliveries SET state = 'pending', revision = revision + 1, tries = 0, due_at = :now
    WHERE event = 'start' AND prediction_id = :id AND state = 'waiting'"""
SAY = """
    INSERT INTO deliveries (prediction_id, event, rank, host, state, revision, due_at)
    SELECT :id, :event, :rank, :host, 'pending', 1, :now
    WHERE EXISTS (SELECT 1 FROM predictions WHERE id = :id AND attempt = :attempt AND status = 'processing')
    ON CONFLICT (prediction_id, event) DO UPDATE SET state = 'pending', revision = deliveries.revision + 1, tries = 0,
        due_at = CASE WHEN deliveries.due_at > excluded.due_at THEN deliveries.due_at ELSE excluded.due_at END"""
RETRACT = """
    UPDATE deliveries SET state = 'superseded' WHERE state = 'pending' AND prediction_id IN (
        SELECT id FROM predictions WHERE instance_id = :instance AND status = 'processing' AND attempt < :attempts
        AND cancel_requested_at IS NULL)"""
SUPERSEDE = """
    UPDATE deliveries SET state = 'superseded' WHERE prediction_id = :id
    AND (state = 'waiting' OR (state = 'pending' AND event IN ('output', 'logs')))"""
TELL = """
    INSERT INTO deliveries (prediction_id, event, rank, host, state, revision, due_at)
    VALUES (:id, :event, :rank, :host, 'pending', 1, :now)"""
TELL_AGAIN = f"""{TELL}
    ON CONFLICT (prediction_id, event) DO UPDATE SET state = 'pending', revision = deliveries.revision + 1, tries = 0"""

OWED = "EXISTS (SELECT 1 FROM deliveries d WHERE d.prediction_id = p.id AND d.state = 'pending')"
"""A condition on a row `p` of predictions: its receiver has not been told of its end yet, and will be."""


def on_create(prediction: Prediction) -> tuple[Statement, ...]:
    """For the transaction that stores it."""
    if "start" not in _wanted(prediction):
        return ()
    return (Statement(WAIT, _row(prediction, "start", prediction.created_at)),)


def on_start(instance: str, now: str) -> Statement:
    """For the transaction in which an instance claims, behind the claim: what it claimed at that moment starts."""
    return Statement(START, {"instance": instance, "now": now})


def on_say(prediction: Prediction, told: frozenset[str], now: str) -> tuple[Statement, ...]:
    """For the transaction that notes progress. told: output or logs, or both, if they are wanted."""
    return tuple(
        Statement(SAY, {**_row(prediction, event, now), "attempt": prediction.attempt})
        for event in sorted(told)
    )


def on_requeue(given: Params) -> Statement:
    """For the transaction that queues again what a lost instance ran, before it does: what was said is void."""
    return Statement(RETRACT, given)


def on_end(prediction: Prediction, now: str, *, output: bool, said: bool) -> tuple[Statement, ...]:
    """For the transaction that ends it, behind a guard. output: whether it ends with one; said: as in Outcome.

    `completed` takes the place of what waits to be told; who did not ask for it gets the last output and logs.
    """
    events = _wanted(prediction)
    if not events:
        return ()
    supersede = (Statement(SUPERSEDE, {"id": prediction.id}),) if said and events != {"completed"} else ()
    if "completed" in events:
        return (*supersede, Statement(TELL, _row(prediction, "completed", now)))
    last = events - ({"start"} if output else {"start", "output"})
    return (*supersede, *(Statement(TELL_AGAIN, _row(prediction, event, now)) for event in sorted(last)))


def on_answer(prediction: Prediction, now: str) -> tuple[Statement, ...]:
    """For the transaction that stores what ended as it was made: its receiver hears what it hears of any other."""
    start = "start" in _wanted(prediction)
    begun = (Statement(TELL, _row(prediction, "start", now)),) if start else ()
    return (*begun, *on_end(prediction, now, output=True, said=False))


def on_following_end(prediction: Prediction, now: str, *, succeeded: bool) -> tuple[Statement, ...]:
    """For the transaction that ends one that waited for another's run, behind a guard."""
    start = succeeded and "start" in _wanted(prediction)
    begun = (Statement(BEGUN, {"id": prediction.id, "now": now}),) if start else ()
    return (*begun, *on_end(prediction, now, output=prediction.output is not None, said=True))


def _wanted(prediction: Prediction) -> frozenset[str]:
    return wanted(prediction.webhook, prediction.webhook_events_filter)


def _row(prediction: Prediction, event: str, now: str) -> dict[str, object]:
    return {
        "id": prediction.id,
        "event": event,
        "rank": RANKS[event],
        "host": host_of(prediction.webhook or ""),
        "now": now,
    }


def host_of(webhook: str) -> str:
    """Whom it is sent to; nobody, where an older release let something pass that is no URL."""
    try:
        return parse_target(webhook).origin
    except RefusedTarget:
        return ""
