"""What an engine is: something that answers a prompt piece by piece, for many at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from chat.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. top_k: 0 sets no limit; temperature: 0 always takes the likeliest."""

    max_tokens: int
    min_tokens: int
    temperature: float
    top_p: float
    top_k: int
    presence_penalty: float
    frequency_penalty: float
    seed: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that came, often one token's. written: tokens so far; read: tokens of the prompt."""

    text: str
    written: int
    read: int


class Engine(Protocol):
    """name: for the logs."""

    name: str

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """Closing it early stops the work. Raises ValueError when the prompt leaves no room for an answer."""

    def close(self) -> None:
        """Give everything back."""


def room(read: int, context: int, sampling: Sampling) -> int:
    """How many tokens may be written. Raises ValueError when the prompt fills the context."""
    if read >= context:
        raise ValueError(f"the prompt has {read} tokens; this model has room for {context}, with its answer")
    return min(sampling.max_tokens, context - read)
