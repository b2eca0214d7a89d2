"""One attempt at one prediction on one instance: hand over the input, pass on what comes, write how it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from structlog.contextvars import bind_contextvars

from mainspring.cogclient import AtCapacity, CogClient, Completed, Event, Log, Output
from mainspring.core.errors import InstanceLost
from mainspring.core.ids import parse_time, rfc3339
from mainspring.core.prediction import Outcome, Prediction, Status, metrics_of
from mainspring.core.schema import InputSchema, OutputKind
from mainspring.core.webhooks import wanted
from mainspring.database.hints import Hints
from mainspring.database.patience import until_written
from mainspring.launchers import Launched, Launcher
from mainspring.objects import Objects
from mainspring.records.cached import keep
from mainspring.records.catalog import Catalog, Version
from mainspring.records.feed import Feed, Live
from mainspring.records.installed import Installations
from mainspring.records.instances import Instances
from mainspring.records.observed import Observed
from mainspring.records.predictions import Predictions
from mainspring.services.inputs import InputError, Inputs
from mainspring.services.moments import Boot, Moments
from mainspring.services.outputs import MARK, OutputError, Outputs
from mainspring.services.scribe import Scribe
from mainspring.services.storyteller import Storyteller, run_of
from mainspring.services.training import learned
from mainspring.services.weights import Weights
from mainspring.settings import Settings

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Desk:
    """What the director, its drivers and their attempts work with. root: the data directory."""

    settings: Settings
    root: Path
    hints: Hints
    feed: Feed
    catalog: Catalog
    predictions: Predictions
    instances: Instances
    installed: Installations
    launcher: Launcher
    objects: Objects
    inputs: Inputs
    scribe: Scribe
    weights: Weights
    observed: Observed
    now: Callable[[], datetime]
    story: Storyteller | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """The instance that it runs on, and what its version takes and gives."""

    instance: Launched
    client: CogClient
    inputs: InputSchema
    output: OutputKind
    boot: Boot | None = None


class Attempt:
    """One run of a claimed prediction."""

    def __init__(self, prediction: Prediction, stage: Stage, desk: Desk) -> None:
        self.prediction = prediction
        self.stuck = False
        self._stage = stage
        self._desk = desk
        self._live: Live = desk.feed.open(prediction.id)
        self._outputs = Outputs(desk.objects, prediction.id, stage.instance.outbox)
        self._moments = Moments(prediction, stage.boot, desk.now)
        self._live.moments = self._moments.told
        self._masked: tuple[str, ...] = ()
        self.canceled = False
        self._made: Version | None = None
        self._limit: asyncio.Timeout | None = None

    async def perform(self) -> None:
        """Run to the end and write it down. Raises InstanceLost; `stuck` says that the model did not let go."""
        bind_contextvars(prediction=self.prediction.id, instance=self.prediction.instance_id)
        if "start" in wanted(self.prediction.webhook, self.prediction.webhook_events_filter):
            self._desk.hints.hint("webhooks")
        try:
            outcome = await self._run()
        except BaseException:
            await self._outputs.drop(None)
            raise
        self._desk.scribe.forget(self.prediction.id)
        now = rfc3339(self._desk.now())
        made = self._desk.catalog.registration(self._made) if self._made is not None else ()
        # Ended in here, nobody knows whether the end was written: then files stay.
        most = self._desk.settings.cache_bytes
        kept = keep(self.prediction, outcome, self._outputs.size, now, most)
        finish, also = self._desk.predictions.finish, (*made, *kept)
        with self._desk.catalog.changing() if made else contextlib.nullcontext():
            final = await until_written(lambda: finish(self.prediction, outcome, now, also))
        if final is not None:
            self._desk.feed.close(final)
        await self._outputs.drop(final.output if final is not None else None)

    async def cancel(self) -> None:
        """Ask the model to stop; give up on it when it takes too long."""
        if self.canceled:
            return
        self.canceled = True
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._desk.settings.cancel_grace_s)
        with contextlib.suppress(InstanceLost):
            await self._stage.client.cancel(self.prediction.id)

    def leavings(self) -> list[Path]:
        """Directories that the attempt is done with."""
        handed = [self._stage.instance.inbox / self.prediction.id] if self._stage.inputs.file_fields else []
        return [*handed, *self._outputs.folders()]

    async def _run(self) -> Outcome:
        try:
            async with asyncio.timeout(self._longest_s()) as self._limit:
                return await self._converse(await self._body())
        except AtCapacity as error:
            raise InstanceLost("The model still works on what it was to give up.") from error
        except TimeoutError:
            self.stuck = True
            if self.canceled:
                return self._told(Status.CANCELED)
            return self._told(Status.FAILED, error=f"{self.prediction.kind.capitalize()} timed out.")
        except (InputError, OutputError) as error:
            return self._told(Status.FAILED, error=str(error))
        finally:
            self._limit = None

    def _longest_s(self) -> float:
        settings = self._desk.settings
        return settings.train_timeout_s if self.prediction.kind == "training" else settings.run_timeout_s

    async def _body(self) -> bytes:
        prediction, stage = self.prediction, self._stage
        if prediction.secrets is not None:
            self._masked = self._desk.inputs.secrets(prediction)
        return await self._desk.inputs.prepare(prediction, stage.inputs.file_fields, stage.instance.inbox)

    async def _converse(self, body: bytes) -> Outcome:
        trace = run_of(self.prediction) if self.prediction.trace is not None else None
        running = self._stage.client.run(self.prediction.id, body, trace.headers() if trace else None)
        async with contextlib.aclosing(running) as batches:
            async for events in batches:
                done = await self._pass_on(events)
                if done is not None:
                    return await self._outcome(done)
        raise InstanceLost("The connection to the model was lost.")

    async def _pass_on(self, events: Sequence[Event]) -> Completed | None:
        chunks: list[bytes] = []
        logs: list[str] = []
        done: Completed | None = None
        for event in events:
            kind = type(event)
            if kind is Output and self._stage.output.iterator:
                chunk = bytes(event.value)  # type: ignore[union-attr]
                self._moments.output()
                chunks.append(chunk if MARK not in chunk else await self._take(chunk))
            elif kind is Log:
                logs.append(self._mask(event.text))  # type: ignore[union-attr]
            elif kind is Completed:
                done = event  # type: ignore[assignment]
        if chunks or logs:
            self._live.say(chunks, logs)
            self._desk.scribe.note(self.prediction, chunks, logs)
        return done

    async def _outcome(self, done: Completed) -> Outcome:
        output = bytes(done.output) if done.output is not None else self._said()
        if output is not None and MARK in output:
            output = await self._take(output)
        status = Status(done.status)
        if self.canceled and status is Status.FAILED:
            status = Status.CANCELED
        if self.prediction.kind == "training":
            output = await self._learn(output) if status is Status.SUCCEEDED else None
        error = self._mask(done.error or "Unknown error") if status is Status.FAILED else None
        metrics = self._metrics(dict(done.metrics))
        return Outcome(
            status=status,
            output=output.decode() if output is not None else None,
            error=error,
            logs="".join(self._live.logs) or self._mask(done.logs),
            metrics=metrics,
            timeline=self._moments.text(),
            said=bool(self._live.chunks or self._live.logs),
        )

    async def _take(self, output: bytes) -> bytes:
        self._moments.uploading()
        return await self._outputs.take(output)

    async def _learn(self, output: bytes | None) -> bytes:
        found = await learned(
            self.prediction, output, self._desk.catalog, self._desk.objects, self._desk.now()
        )
        self._made = found.version
        return found.output

    def _told(self, status: Status, error: str | None = None) -> Outcome:
        """An end that the model did not bring about: keep what it said."""
        said = self._said()
        return Outcome(
            status=status,
            output=said.decode() if said else None,
            error=error,
            logs="".join(self._live.logs),
            metrics=self._metrics({}),
            timeline=self._moments.text(),
        )

    def _said(self) -> bytes | None:
        """The chunks so far as one array: coglet forgets those of an async model that did not end well."""
        return b"[" + b",".join(self._live.chunks) + b"]" if self._live.chunks else None

    def _metrics(self, own: dict[str, object]) -> str:
        now = self._desk.now()
        started = parse_time(self.prediction.started_at or self.prediction.created_at)
        created = parse_time(self.prediction.created_at)
        ran, total = (now - started).total_seconds(), (now - created).total_seconds()
        self._desk.feed.history.ran(self.prediction.queue, ran)
        if self._stage.output.concatenate:
            own = self._moments.stream_metrics(own, len(self._live.chunks), ran)
        return _encode(metrics_of(own, ran, total)).decode()

    def _mask(self, text: str) -> str:
        for secret in self._masked:
            text = text.replace(secret, "**********")
        return text
