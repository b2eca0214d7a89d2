"""A language model without weights: its description and a tokenizer, for engines that fill it with random numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_act": "silu",
    "rms_norm_eps": 1e-05,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "max_position_embeddings": 8192,
    "bos_token_id": None,
    "eos_token_id": None,
}
EIGHT_BILLION: Mapping[str, Any] = {
    **_LLAMA,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "dtype": "bfloat16",
}
# SmolLM2-135M's.
SMALL: Mapping[str, Any] = {
    **_LLAMA,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
    "dtype": "bfloat16",
}
TINY: Mapping[str, Any] = {
    **_LLAMA,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "dtype": "float32",
}


def write_shape(shape: Mapping[str, Any], directory: Path) -> None:
    """config.json and a tokenizer whose words are w0, w1 …, one for each token; nothing ends an answer early."""
    directory.mkdir(parents=True)
    words = {f"w{number}": number for number in range(shape["vocab_size"])}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "w0"},
    }
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "w0"}
    for name, content in (
        ("config.json", shape),
        ("tokenizer.json", tokenizer),
        ("tokenizer_config.json", kind),
        ("generation_config.json", {"eos_token_id": None}),
    ):
        (directory / name).write_text(json.dumps(content))
