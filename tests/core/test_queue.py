"""Lines survive being written down."""

from __future__ import annotations

import pytest

from mainspring.core.queue import Queue


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        (Queue("acme/owl", "ab12"), "acme/owl:ab12"),
        (Queue("acme/owl", "ab12", deployment="acme/prod", release=3), "acme/owl:ab12@acme/prod#3"),
        (Queue("acme/owl", "ab12", training="m420tb"), "acme/owl:ab12!m420tb"),
    ],
)
def test_a_queue_is_its_text(queue: Queue, text: str) -> None:
    assert str(queue) == text
    assert Queue.parse(text) == queue
