"""What the API takes as a webhook, and what it says of deliveries and secrets."""

from __future__ import annotations

import httpx
import pytest

from mainspring.core.ids import rfc3339
from mainspring.core.prediction import Status
from mainspring.records.deliveries import Settled, Try
from mainspring.settings import Settings
from tests.api.house import House


@pytest.fixture
async def made(house: House, ada: httpx.AsyncClient) -> str:
    """A prediction that has ended, and a webhook that was not reached."""
    await house.model()
    await house.version()
    body = {"input": {}, "webhook": "https://example.com/hook"}
    reply = await ada.post("/models/ada/hello/predictions", json=body)
    assert reply.status_code == 201, reply.text
    prediction: str = reply.json()["id"]
    now = rfc3339(house.clock[0])
    await house.context.predictions.end_waiting(prediction, Status.FAILED, now, error="no")
    (delivery,) = await house.context.deliveries.of(prediction)
    tried = Try(8, now, None, 0.25, "not reached")
    await house.context.deliveries.settle([Settled(delivery, tried, "dead", now)])
    return prediction


@pytest.mark.parametrize("field", ["webhook", "webhook_completed"])
@pytest.mark.parametrize(
    "url", ["http://example.com/", "http://localhost:3000/", "https://10.0.0.1/", "nonsense", "https://"]
)
async def test_a_webhook_that_would_not_be_sent_to_is_refused(
    house: House, ada: httpx.AsyncClient, field: str, url: str
) -> None:
    await house.model()
    await house.version()
    reply = await ada.post("/models/ada/hello/predictions", json={"input": {}, field: url})
    assert reply.status_code == 422
    problem = reply.json()
    assert (problem["title"], problem["invalid_fields"][0]["field"]) == ("Input validation failed", field)
    assert problem["detail"].startswith(f"- {field}: ")
    assert problem["detail"].count(f"{field}:") == 1
    if "localhost" in url:
        assert "MAINSPRING_WEBHOOK_HOSTS=localhost" in problem["detail"]
    assert (await ada.get("/predictions")).json()["results"] == []


class TestWithHosts:
    @pytest.fixture
    def settings(self, tmp_path: object) -> Settings:
        return Settings(webhook_hosts="localhost")

    async def test_the_operator_can_let_webhooks_go_to_this_machine(
        self, house: House, ada: httpx.AsyncClient
    ) -> None:
        await house.model()
        await house.version()
        url = "http://localhost:3000/hook"
        reply = await ada.post("/models/ada/hello/predictions", json={"input": {}, "webhook": url})
        assert (reply.status_code, reply.json()["webhook"]) == (201, url)


async def test_the_deliveries_of_a_prediction(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient, made: str
) -> None:
    page = (await ada.get(f"/predictions/{made}/deliveries")).json()
    (delivery,) = page["results"]
    now = rfc3339(house.clock[0])
    assert delivery == {
        "id": f"{made}-completed",
        "prediction": made,
        "event": "completed",
        "webhook_id": f"{made}-completed-1",
        "url": "https://example.com/hook",
        "state": "dead",
        "next_attempt_at": None,
        "attempts": [{"attempt": 8, "at": now, "status": None, "duration": 0.25, "error": "not reached"}],
    }
    assert (await ada.get("/webhooks/dead")).json()["results"] == [delivery]
    assert (await bob.get("/webhooks/dead")).json()["results"] == []
    assert (await bob.get(f"/predictions/{made}/deliveries")).status_code == 404


async def test_the_latest_deliveries_of_an_account(
    house: House, ada: httpx.AsyncClient, bob: httpx.AsyncClient, made: str
) -> None:
    found = (await ada.get("/webhooks/deliveries")).json()
    assert [(one["prediction"], one["state"]) for one in found["results"]] == [(made, "dead")]
    assert found["results"] == (await ada.get(f"/predictions/{made}/deliveries")).json()["results"]
    house.pass_time(1)
    body = {"input": {}, "webhook": "https://example.com/hook"}
    newer = (await ada.post("/models/ada/hello/predictions", json=body)).json()["id"]
    await house.context.predictions.end_waiting(newer, Status.CANCELED, rfc3339(house.clock[0]))
    results = (await ada.get("/webhooks/deliveries")).json()["results"]
    assert [one["prediction"] for one in results] == [newer, made]
    assert (await bob.get("/webhooks/deliveries")).json()["results"] == []


async def test_sending_again(ada: httpx.AsyncClient, bob: httpx.AsyncClient, made: str) -> None:
    path = f"/predictions/{made}/deliveries/{made}-completed/resend"
    assert (await bob.post(path)).status_code == 404
    reply = await ada.post(path)
    assert (reply.status_code, reply.json()["state"]) == (202, "pending")
    assert (await ada.post(path)).status_code == 409
    for other in (f"{made}-start", "nonsense", f"{made}-"):
        assert (await ada.post(f"/predictions/{made}/deliveries/{other}/resend")).status_code == 404
    assert (await ada.get("/webhooks/dead")).json()["results"] == []


async def test_each_account_has_a_secret_that_it_can_replace(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, nobody: httpx.AsyncClient, house: House
) -> None:
    first = (await ada.get("/webhooks/default/secret")).json()["key"]
    assert (first[:6], len(first), first.count("_")) == ("whsec_", 38, 1)
    assert (await ada.get("/webhooks/default/secret")).json() == {"key": first}
    assert (await bob.get("/webhooks/default/secret")).json()["key"] != first
    assert (await nobody.get("/webhooks/default/secret")).status_code == 401
    house.pass_time(1)
    rotated = (await ada.post("/webhooks/default/secret/rotate")).json()
    assert rotated["key"] != first
    assert rotated["previous_expires_at"] == "2026-05-02T12:00:01.000000Z"
    assert (await ada.get("/webhooks/default/secret")).json() == {"key": rotated["key"]}
