"""`python dalle.py DIR`: min(DALL·E)'s encoder and decoder, tiny, its detokenizer; all with random weights."""

import json
import string
import sys
from pathlib import Path

import torch
from min_dalle.models import DalleBartDecoder, DalleBartEncoder, VQGanDetokenizer

WIDTH = 128
LETTERS = [chr(ord(" ") + 256), *string.ascii_lowercase]


def main() -> None:
    folder = Path(sys.argv[1])
    torch.manual_seed(3)
    words = ["<s>", "<pad>", "</s>", "<unk>", *LETTERS, LETTERS[0] + "r"]
    (folder / "vocab.json").write_text(
        json.dumps({word: number for number, word in enumerate(words)}), "utf8"
    )
    (folder / "merges.txt").write_text(f"#version: 0.2\n{LETTERS[0]} r\n", "utf8")
    common = {
        "embed_count": WIDTH,
        "attention_head_count": WIDTH // 64,
        "glu_embed_count": 64,
        "layer_count": 2,
        "device": "cpu",
    }
    encoder = DalleBartEncoder(**common, text_vocab_count=len(words), text_token_count=64)
    decoder = DalleBartDecoder(**common, image_vocab_count=2**14)
    for name, module in (("encoder", encoder), ("decoder", decoder), ("detoker", VQGanDetokenizer())):
        for parameter in module.parameters():
            if name == "detoker" and parameter.dim() == 4:
                parameter.data.mul_(2)  # or every picture is grey
        torch.save(module.state_dict(), folder / f"{name}.pt")


if __name__ == "__main__":
    main()
