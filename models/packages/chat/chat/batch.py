"""Answers that are written together: one pass of the model gives each its next token.

The rows of the batch have their tokens at the right end. Who joins is filled up on the left, who leaves takes the
filling along that only they needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class Batch:
    """The model's memory of all answers that are being written."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: Any = None
        self._mask: torch.Tensor | None = None

    @torch.inference_mode()
    def join(self, ids: Sequence[int]) -> torch.Tensor:
        """Read a prompt and add a row for it; the logits of its first token."""
        cache = self._new_cache()
        read = torch.tensor([ids], device=self._model.device)
        out = self._model(input_ids=read, past_key_values=cache, use_cache=True, logits_to_keep=1)
        mask = torch.ones_like(read)
        if self._mask is None:
            self._cache, self._mask = cache, mask
        else:
            self._merge(cache, mask)
        return out.logits[0, -1]

    @torch.inference_mode()
    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """tokens: the last of each row. The logits of the next, row by row."""
        assert self._mask is not None
        places = self._mask.sum(1, keepdim=True)
        self._mask = functional.pad(self._mask, (0, 1), value=1)
        out = self._model(
            input_ids=torch.tensor([[each] for each in tokens], device=self._model.device),
            attention_mask=self._mask,
            position_ids=places,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1]

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on."""
        if not rows:
            self._cache = self._mask = None
            return
        assert self._mask is not None
        chosen = torch.tensor(rows, device=self._mask.device)
        self._mask = self._mask[chosen]
        filling = int(self._mask.argmax(1).min())
        self._mask = self._mask[:, filling:]
        for layer in self._cache.layers:
            layer.keys = layer.keys[chosen][:, :, filling:]
            layer.values = layer.values[chosen][:, :, filling:]

    def _merge(self, cache: Any, mask: torch.Tensor) -> None:
        assert self._mask is not None
        width = max(self._mask.shape[1], mask.shape[1])
        self._mask = torch.cat([_filled(each, width, 1) for each in (self._mask, mask)])
        for layer, new in zip(self._cache.layers, cache.layers, strict=True):
            layer.keys = torch.cat([_filled(each, width, 2) for each in (layer.keys, new.keys)])
            layer.values = torch.cat([_filled(each, width, 2) for each in (layer.values, new.values)])

    def _new_cache(self) -> DynamicCache:
        return DynamicCache(config=self._model.config)

    def rows_may_differ(self) -> bool:
        """Whether the model's memory is of the plain kind that can be filled up."""
        return all(type(layer) is DynamicLayer for layer in self._new_cache().layers)


def _filled(tensor: torch.Tensor, width: int, dimension: int) -> torch.Tensor:
    missing = width - tensor.shape[dimension]
    behind = (0, 0) * (tensor.dim() - dimension - 1)
    return functional.pad(tensor, (*behind, missing, 0)) if missing else tensor
