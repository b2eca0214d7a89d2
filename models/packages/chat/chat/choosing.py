"""The next token, from what the model thinks of each."""

from __future__ import annotations

from collections.abc import Collection

import torch

from chat.engine import Sampling


class Chooser:
    """Chooses the tokens of one answer. `ends`: tokens that end it."""

    def __init__(
        self, sampling: Sampling, ends: Collection[int], vocabulary: int, device: torch.device
    ) -> None:
        self._sampling = sampling
        self._ends = torch.tensor(
            sorted(each for each in ends if each < vocabulary), device=device, dtype=torch.long
        )
        self._counts = torch.zeros(vocabulary, device=device)
        self._generator = torch.Generator(device).manual_seed(sampling.seed)
        self.written = 0

    def choose(self, logits: torch.Tensor) -> int:
        """logits: one for each token of the vocabulary."""
        adjusted = self._adjusted(logits.float())
        if self._sampling.temperature == 0:
            token = int(adjusted.argmax())
        else:
            chances = _nucleus(
                _likeliest(adjusted / self._sampling.temperature, self._sampling.top_k), self._sampling.top_p
            )
            token = int(torch.multinomial(chances, 1, generator=self._generator))
        self._counts[token] += 1
        self.written += 1
        return token

    def _adjusted(self, logits: torch.Tensor) -> torch.Tensor:
        sampling = self._sampling
        if sampling.frequency_penalty or sampling.presence_penalty:
            logits = logits - sampling.frequency_penalty * self._counts
            logits = logits - sampling.presence_penalty * (self._counts > 0)
        if self.written < sampling.min_tokens:
            logits = logits.index_fill(0, self._ends, -torch.inf)
        return logits


def _likeliest(logits: torch.Tensor, top_k: int) -> torch.Tensor:
    if 0 < top_k < logits.shape[-1]:
        least = torch.topk(logits, top_k).values[-1]
        return logits.masked_fill(logits < least, -torch.inf)
    return logits


def _nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Chances, of the likeliest tokens that together have top_p; at least one."""
    chances = torch.softmax(logits, -1)
    if top_p >= 1:
        return chances
    ordered, places = torch.sort(chances, descending=True)
    beyond = ordered.cumsum(-1) - ordered > top_p
    beyond[0] = False
    return chances.index_fill(0, places[beyond], 0.0)
