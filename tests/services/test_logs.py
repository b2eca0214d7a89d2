"""The log: one shape for all lines, a prediction's id on every line about one, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mainspring import logs
from mainspring.core.errors import MainspringError
from mainspring.testing import FakeCog, Run
from tests.services.conftest import TOKEN, House, Open, eventually

SECRET, METRICS = "hunter2-is-my-password", "scrape-me-please"
Written = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written() -> Iterator[Written]:
    """What was logged, at debug level, as JSON."""
    root = logging.getLogger()
    level, handlers, stream = root.level, root.handlers[:], io.StringIO()
    logs.configure("debug", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)


async def leaky(run: Run) -> object:
    raise ValueError(f"I was told {run.input['key']}")


async def test_secrets_stay_out_of_it_whatever_happens(open_house: Open, written: Written) -> None:
    house = await open_house(
        make=lambda spec: FakeCog(leaky), webhook_hosts="localhost", metrics_token=METRICS
    )
    model = await house.add_model()
    signing = (await house.http.get("/webhooks/default/secret")).json()["key"]
    fresh = (await house.http.post("/tokens", json={"name": "second"})).json()["token"]
    code = house.platform.links.make("me", house.clock())
    assert (await house.http.get(f"http://here/login?code={code}")).status_code < 500
    await house.http.get("http://here/metrics", headers={"Authorization": f"Bearer {METRICS}"})
    await house.http.get("/account", headers={"Authorization": f"Bearer {fresh}x"})
    body = {
        "input": {"text": "a", "key": SECRET},
        "webhook": "http://me:swordfish@localhost:9/hook?token=abracadabra",
        "webhook_events_filter": ["completed"],
    }
    reply = await house.http.post(f"/models/{model}/predictions", json=body, headers={"Prefer": "wait=30"})
    assert reply.json()["status"] == "failed"
    shared = (await house.http.post(f"/predictions/{reply.json()['id']}/share")).json()
    await house.http.get(str(shared.get("url", "http://here/")))
    await _break_something(house)
    text = json.dumps(written())
    assert "Traceback" in text
    secrets = {TOKEN, fresh, signing, code, SECRET, METRICS, "swordfish", "abracadabra"}
    secrets |= {str(shared["url"]).rpartition("/")[2]} if "url" in shared else set()
    assert [secret for secret in secrets if secret in text] == []


async def _break_something(house: House) -> None:
    """A fault whose message repeats what it was given."""

    async def broken(token: str, _now: object) -> None:
        raise RuntimeError(f"no such token: {token}, at http://u:{SECRET}@host/?code=abcdef")

    house.platform.ledger.accounts.caller = broken  # type: ignore[assignment,method-assign]
    with pytest.raises(RuntimeError):
        await house.http.get("/account")


async def test_every_line_about_a_prediction_has_its_id(open_house: Open, written: Written) -> None:
    house = await open_house(make=lambda spec: FakeCog(slots=1), max_attempts=2)
    model = await house.add_model()
    cog_died = await house.create(model, wait=True)
    assert cog_died["status"] == "succeeded"
    gone = await _lose(house, model)
    await house.get(gone)
    lines = written()
    about = [line for line in lines if line.get("prediction") == gone["id"]]
    assert {"the prediction runs again: The instance of the model was lost.", "request"} <= {
        line["event"].replace("The connection to the model was lost", "The instance of the model was lost.")
        for line in about
    }
    for line in lines:
        if gone["id"] in json.dumps(line):
            assert line["prediction"] == gone["id"], line
    requests = [line for line in lines if line["event"] == "request"]
    assert all(line["request"] and line["status"] and line["route"] is not None for line in requests)
    ready = next(line for line in lines if line["event"].startswith("the instance is ready"))
    assert ready["model"] == model
    assert ready["instance"]


async def _lose(house: House, model: str) -> dict[str, Any]:
    """A prediction whose first instance dies under it."""
    for cog in house.launcher.cogs.values():
        cog.gate.clear()
    made = await house.create(model)
    await house.until(made, "processing")
    await house.launcher.die(next(iter(house.launcher.cogs)))
    return await house.until(made, "succeeded")


async def test_a_request_has_an_id_its_own_or_the_one_it_came_with(
    open_house: Open, written: Written
) -> None:
    house = await open_house()
    first, second = [await house.http.get("/account") for _ in range(2)]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    given = await house.http.get("/nothing", headers={"x-request-id": "edge-7"})
    assert given.headers["x-request-id"] == "edge-7"
    ours = await house.http.get("/account", headers={"x-request-id": "a b\u00e9".encode("latin-1")})
    assert " " not in ours.headers["x-request-id"]

    async def seen() -> bool:
        return any(line.get("request") == "edge-7" and line["status"] == 404 for line in written())

    await eventually(seen)


def test_people_read_lines_and_machines_objects() -> None:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        for shape, is_json in (("auto", True), ("json", True), ("console", False)):
            stream = io.StringIO()
            logs.configure("info", shape, stream)
            logging.getLogger("mainspring.x").info("hello %s", "there", extra={"prediction": "p1"})
            logging.getLogger("mainspring.x").debug("not this")
            logging.getLogger("uvicorn.error").info("nor this")
            (line,) = stream.getvalue().splitlines()
            if is_json:
                told = json.loads(line)
                assert (told["event"], told["prediction"], told["level"]) == ("hello there", "p1", "info")
                assert told["timestamp"].endswith("Z")
            else:
                assert "hello there" in line
                assert "prediction=p1" in line
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    with pytest.raises(MainspringError, match="log_format"):
        logs.configure("info", "xml")
    with pytest.raises(MainspringError, match="log_level"):
        logs.configure("chatty", "json")
