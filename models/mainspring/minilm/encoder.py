"""A sentence encoder of the BERT kind, in numpy: texts in, unit vectors out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Array = np.ndarray
MOST_TOKENS = 256
_AT_ONCE = 32


class Encoder:
    """directory: config.json, tokenizer.json, model.safetensors."""

    def __init__(self, directory: Path) -> None:
        config = json.loads((directory / "config.json").read_text())
        self._weights = load_file(directory / "model.safetensors")
        self._layers, self._heads = config["num_hidden_layers"], config["num_attention_heads"]
        self._epsilon = config["layer_norm_eps"]
        self.width: int = config["hidden_size"]
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.enable_truncation(MOST_TOKENS)
        self._tokenizer.enable_padding()

    def encode(self, texts: Sequence[str]) -> tuple[Array, int]:
        """One row of length 1 for each text, and how many tokens were read. What is past MOST_TOKENS is not read."""
        found, read = np.zeros((len(texts), self.width), np.float32), 0
        # Texts of like length together: less filling to compute.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for start in range(0, len(order), _AT_ONCE):
            some = order[start : start + _AT_ONCE]
            tokens = self._tokenizer.encode_batch([texts[number] for number in some])
            mask = np.array([each.attention_mask for each in tokens], np.float32)
            read += int(mask.sum())
            found[some] = self._pooled(np.array([each.ids for each in tokens]), mask)
        return found, read

    def _pooled(self, ids: Array, mask: Array) -> Array:
        hidden = self._hidden(ids, mask)
        mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        unit: Array = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        return unit

    def _hidden(self, ids: Array, mask: Array) -> Array:
        table = self._weights
        x = table["embeddings.word_embeddings.weight"][ids]
        x = x + table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self._norm(x + table["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        closed = (1 - mask)[:, None, None, :] * -1e9
        for number in range(self._layers):
            x = self._layer(x, closed, f"encoder.layer.{number}")
        return x

    def _layer(self, x: Array, closed: Array, name: str) -> Array:
        attended = self._attention(x, closed, f"{name}.attention.self")
        x = self._norm(
            x + self._linear(attended, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        inner = _gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._norm(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attention(self, x: Array, closed: Array, name: str) -> Array:
        batch, length, width = x.shape

        def split(part: str) -> Array:
            whole = self._linear(x, f"{name}.{part}")
            return whole.reshape(batch, length, self._heads, -1).transpose(0, 2, 1, 3)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(width // self._heads) + closed
        chances = np.exp(scores - scores.max(-1, keepdims=True))
        chances /= chances.sum(-1, keepdims=True)
        mixed: Array = (chances @ value).transpose(0, 2, 1, 3).reshape(batch, length, width)
        return mixed

    def _linear(self, x: Array, name: str) -> Array:
        product: Array = x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return product

    def _norm(self, x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + self._epsilon)
        normed: Array = scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normed


def _gelu(x: Array) -> Array:
    return x * 0.5 * (1 + _erf(x / math.sqrt(2)))


def _erf(x: Array) -> Array:
    """Within 1.5e-7 (Abramowitz and Stegun 7.1.26); numpy has none."""
    size = np.abs(x)
    t = 1 / (1 + 0.3275911 * size)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    found: Array = np.sign(x) * (1 - series * np.exp(-size * size))
    return found
