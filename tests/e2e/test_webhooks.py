"""Webhooks to a real receiver that misbehaves, from a server that is killed: every `completed` arrives, in order."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from replicate.webhook import Webhooks, WebhookSigningSecret

from tests.docs.pages import ROOT
from tests.e2e.projects import write_project
from tests.e2e.server import Server
from tests.e2e.test_crash import TERMINAL, call
from tests.ports import free_port

CLIENTS = Path(__file__).parent / "clients"
ALL = ["start", "output", "logs", "completed"]
RANKS = {"start": 0, "output": 1, "logs": 1, "completed": 2}
MOMENTS_S = (0.1, 0.3, 0.6, 0.9, 1.3)


class Receiver:
    """The receiver's process, and what it wrote down."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.e2e.receiver", str(self.port), str(self.file)]
        self.process = subprocess.Popen(command, cwd=ROOT)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def url(self, path: str) -> str:
        return f"http://localhost:{self.port}{path}"

    def got(self) -> list[dict[str, Any]]:
        if not self.file.exists():
            return []
        return [
            {**e, "said": json.loads(e["body"])} for e in map(json.loads, self.file.read_text().splitlines())
        ]

    def ends_of(self, prediction: str) -> int:
        """How often the end of a prediction was told."""
        return sum(e["said"]["id"] == prediction and e["said"]["status"] in TERMINAL for e in self.got())

    def completed(self) -> set[str]:
        """Ids of predictions whose end was told and counted."""
        return {e["said"]["id"] for e in self.got() if e["counted"] and e["said"]["status"] in TERMINAL}


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path / "received.jsonl")
    yield made
    made.stop()


@pytest.fixture
def server(tmp_path: Path, receiver: Receiver) -> Iterator[Server]:
    hosts = f"localhost:{receiver.port}"
    running = Server(tmp_path / "data", max_attempts=99, webhook_hosts=hosts, max_instances=2).start()
    running.push(write_project("async-tokens", tmp_path / "projects"), "mainspring/async-tokens")
    yield running
    running.stop()


def create(server: Server, webhook: str, **values: Any) -> str:
    events = {"webhook_events_filter": values.pop("events")} if "events" in values else {}
    body = {"input": {"prompt": "t", "count": 3, **values}, "webhook": webhook, **events}
    made = call(server, "POST", "/v1/models/mainspring/async-tokens/predictions", body)
    return str(made["id"])


def until(look: Any, limit_s: float = 60) -> Any:
    limit = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < limit
        time.sleep(0.05)
    return found


def deliveries(server: Server, prediction: str) -> dict[str, dict[str, Any]]:
    found = call(server, "GET", f"/v1/predictions/{prediction}/deliveries")
    return {d["event"]: d for d in found["results"]}


def missing(server: Server, accepted: list[str], receiver: Receiver) -> set[str]:
    """Those that the receiver has not taken; what it refused twice waits for minutes, and is sent by hand."""
    found = set(accepted) - receiver.completed()
    for one in found:
        completed = deliveries(server, one).get("completed", {})
        if len(completed.get("attempts", [])) > 1:
            with contextlib.suppress(HTTPError):
                call(server, "POST", f"/v1/predictions/{one}/deliveries/{one}-completed/resend")
    return found


def in_order(got: list[dict[str, Any]]) -> bool:
    """No event of a run comes first after one that follows it, and none after the prediction's end.

    A kill may repeat what was told before it, and what it cut off begins again with a `start` of its own.
    """
    seen: dict[str, int] = defaultdict(int)
    told: set[str] = set()
    for entry in got:
        webhook_id = entry["headers"]["webhook-id"]
        prediction, event, revision = webhook_id.split("-")
        if event == "start" and int(revision) > 1 and seen[prediction] < RANKS["completed"]:
            seen[prediction] = RANKS["start"]
        if RANKS[event] < seen[prediction] and webhook_id not in told:
            return False
        seen[prediction] = max(seen[prediction], RANKS[event])
        told.add(webhook_id)
    return True


def test_every_completed_arrives_though_receiver_and_server_are_killed(
    server: Server, receiver: Receiver
) -> None:
    accepted: list[str] = []

    def create_until_it_dies() -> None:
        for number in range(60):
            path = ("/ok", "/flaky", "/slow")[number % 3]
            try:
                accepted.append(create(server, receiver.url(path), events=ALL, delay=0.02))
            except (OSError, HTTPException, HTTPError):
                return

    for number, moment_s in enumerate(MOMENTS_S):
        if number % 2:
            receiver.stop()
        else:
            receiver.start()
        creating = threading.Thread(target=create_until_it_dies)
        creating.start()
        time.sleep(moment_s)
        server.kill()
        creating.join()
        server.start()
    assert len(accepted) > 20
    until(lambda: not missing(server, accepted, receiver))
    got = receiver.got()
    assert in_order(got)
    bodies = [e["body"] for e in got if e["said"]["id"] == accepted[0] and e["said"]["status"] in TERMINAL]
    assert json.loads(bodies[0]) == call(server, "GET", f"/v1/predictions/{accepted[0]}")
    secret = call(server, "GET", "/v1/webhooks/default/secret")["key"]
    for entry in got:
        Webhooks.validate(
            headers=entry["headers"], body=entry["body"], secret=WebhookSigningSecret(key=secret)
        )
    ends = [e["headers"]["webhook-id"] for e in got if e["said"]["status"] in TERMINAL]
    refused, lost = sum(not e["counted"] for e in got), set(accepted) - receiver.completed()
    print(
        f"webhooks: {len(accepted)} predictions, {len(MOMENTS_S)} kills of the server, {len(got)} requests,"
        f" {refused} of them refused, {len(ends)} of completed, {len(lost)} lost"
    )
    if shutil.which("node") and (CLIENTS / "node_modules").is_dir():
        command = ["node", "webhooks.mjs", str(receiver.file), secret]
        done = subprocess.run(command, cwd=CLIENTS, capture_output=True, text=True, check=True)
        assert int(done.stdout) == len(got)


def test_a_redirect_is_not_followed_and_a_silent_receiver_holds_up_nobody(
    server: Server, receiver: Receiver
) -> None:
    receiver.start()
    moved = create(server, receiver.url("/redirect"))
    silent = [create(server, receiver.url("/never")) for _ in range(4)]
    well = [create(server, receiver.url("/ok")) for _ in range(20)]
    until(lambda: set(well) <= receiver.completed())
    until(lambda: deliveries(server, moved)["completed"]["attempts"])
    attempt = deliveries(server, moved)["completed"]["attempts"][0]
    assert (attempt["status"], attempt["error"]) == (307, "answered 307, and redirects are not followed")
    assert moved not in receiver.completed()
    assert all(deliveries(server, one)["completed"]["state"] == "pending" for one in silent)
    states = [call(server, "GET", f"/v1/predictions/{one}")["status"] for one in silent]
    assert states == ["succeeded"] * 4


def test_the_command_line_shows_sends_again_and_rotates(server: Server, receiver: Receiver) -> None:
    receiver.start()
    made = create(server, receiver.url("/ok"))
    until(lambda: deliveries(server, made).get("completed", {}).get("state") == "delivered")
    shown = server.cli("webhook", "list", made)
    assert shown.returncode == 0, shown.stderr
    assert "delivered" in shown.stdout
    before_that = receiver.ends_of(made)
    sent = server.cli("webhook", "resend", made)
    assert sent.returncode == 0, sent.stderr
    until(lambda: receiver.ends_of(made) > before_that)
    before = server.cli("webhook", "secret").stdout.strip()
    after = server.cli("webhook", "rotate").stdout.strip()
    assert before.startswith("whsec_")
    assert after == server.cli("webhook", "secret").stdout.strip() != before
    again = create(server, receiver.url("/ok"))
    until(lambda: again in receiver.completed())
    entry = next(e for e in receiver.got() if e["said"]["id"] == again)
    for key in (before, after):
        Webhooks.validate(headers=entry["headers"], body=entry["body"], secret=WebhookSigningSecret(key=key))
    assert "Nothing" in server.cli("webhook", "dead").stderr
