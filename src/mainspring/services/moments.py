"""When what happened: while an instance came up, and in one attempt at a prediction."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from mainspring.core.errors import MainspringError
from mainspring.core.ids import parse_time, rfc3339
from mainspring.core.prediction import Prediction
from mainspring.records.instances import Instance


class SetupFailed(MainspringError):
    """The model's setup failed."""


class Boot:
    """The steps of an instance on its way up. setup_at: when its server answered, which is when setup began."""

    def __init__(self, row: Instance, now: Callable[[], datetime]) -> None:
        self.steps: list[dict[str, str]] = []
        self.ready_at: str | None = None
        self._began_at = row.created_at
        self._now = now

    def reached(self, name: str) -> bool:
        """Note a step; False when it was reached before."""
        if any(step["name"] == name for step in self.steps):
            return False
        self.steps.append({"name": name, "at": rfc3339(self._now())})
        return True

    def ready(self, now: str) -> float:
        """It is up; how long that took, in seconds."""
        self.ready_at = now
        self.steps.append({"name": "ready", "at": now})
        return (parse_time(now) - parse_time(self._began_at)).total_seconds()

    def moments(self) -> dict[str, Any]:
        """As a prediction that waited for it tells of it."""
        setup = [step["at"] for step in self.steps if step["name"] == ANSWERING]
        return {"booting_at": self._began_at, "steps": list(self.steps)} | (
            {"setup_at": setup[0]} if setup else {}
        )

    def text(self) -> str:
        """The steps as JSON."""
        return json.dumps(self.steps)


NOT_IN_TIME = "model container failed to boot and complete setup within {:.0f} seconds"
ENVIRONMENT, STARTED, ANSWERING = "environment found", "process started", "server answering"


class Moments:
    """What an attempt adds to its prediction's own times. `told` is seen by readers as it grows."""

    def __init__(self, prediction: Prediction, boot: Boot | None, now: Callable[[], datetime]) -> None:
        waited = boot is not None and (boot.ready_at is None or prediction.created_at < boot.ready_at)
        self.told: dict[str, Any] = boot.moments() if boot is not None and waited else {}
        self._started_at = prediction.started_at or prediction.created_at
        self._now = now
        self._first = False

    def output(self) -> None:
        """There is output."""
        if not self._first:
            self._first = True
            self.told["first_output_at"] = rfc3339(self._now())

    def uploading(self) -> None:
        """Files of the output are being stored."""
        if "uploading_at" not in self.told:
            self.told["uploading_at"] = rfc3339(self._now())

    def text(self) -> str | None:
        """As JSON; None when there is nothing to say."""
        return json.dumps(self.told) if self.told else None

    def stream_metrics(self, own: dict[str, Any], pieces: int, ran_s: float) -> dict[str, Any]:
        """Of a stream of text, what the model does not say itself; a piece counts as a token."""
        if not pieces or not self._first:
            return own
        first_s = (parse_time(self.told["first_output_at"]) - parse_time(self._started_at)).total_seconds()
        measured = {"time_to_first_token": round(max(0.0, first_s), 6)}
        tokens = own.get("output_token_count", pieces)
        if ran_s > 0 and isinstance(tokens, int | float):
            measured["tokens_per_second"] = round(tokens / ran_s, 3)
        return measured | own
