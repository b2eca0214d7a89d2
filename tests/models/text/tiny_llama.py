"""Makes a Llama with random weights, a tokenizer and a chat template: `python tiny_llama.py DIRECTORY`.

Every third token ends an answer, so that answers are short unless they are told to be longer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make(directory: Path) -> None:
    """config.json, generation_config.json, model.safetensors and the tokenizer's files."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE({letter: number for number, letter in enumerate(["<end>", *letters])}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<end>", bos_token="<end>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(directory)
    torch.manual_seed(4)
    size = len(letters) + 1
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=size, num_key_value_heads=2, max_position_embeddings=256, **shape)
    model = LlamaForCausalLM(config)
    torch.nn.init.normal_(model.lm_head.weight, std=0.5)
    model.generation_config = GenerationConfig(eos_token_id=list(range(0, size, 3)))
    model.save_pretrained(directory)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
