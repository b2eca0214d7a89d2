"""Signatures and pauses."""

from __future__ import annotations

import base64

import pytest
from replicate.webhook import Webhooks, WebhookSigningSecret

from mainspring.core.webhooks import pause_after, secret_text, signature, wanted

KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_the_vector_that_receivers_test_with() -> None:
    signed = signature([KEY], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("number", range(40))
def test_the_official_client_takes_every_secret_and_either_of_two(number: int) -> None:
    old, new = (bytes([number, 251, 255, n]) * 6 for n in (0, 1))
    headers = {
        "webhook-id": "a",
        "webhook-timestamp": "1",
        "webhook-signature": signature([new, old], "a", 1, b"{}"),
    }
    for key in (old, new):
        text = secret_text(key)
        assert text.count("_") == 1
        Webhooks.validate(headers=headers, body="{}", secret=WebhookSigningSecret(key=text))


def test_completed_is_tried_eight_times_and_the_others_once() -> None:
    assert [pause_after("completed", n) for n in range(1, 9)] == [
        5,
        300,
        1800,
        7200,
        18000,
        36000,
        36000,
        None,
    ]
    assert [pause_after(event, 1) for event in ("start", "output", "logs")] == [None] * 3


def test_what_a_webhook_gets() -> None:
    assert wanted(None, '["start"]') == frozenset()
    assert wanted("https://x", None) == {"output", "completed"}
    assert wanted("https://x", '["logs"]') == {"logs"}
