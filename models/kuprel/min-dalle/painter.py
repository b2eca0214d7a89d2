"""DALL·E Mega or Mini by the `min-dalle` package, from files that are here."""

import json
from pathlib import Path
from typing import Any

import torch
from min_dalle import MinDalle
from min_dalle.models import DalleBartDecoder, DalleBartEncoder, VQGanDetokenizer
from min_dalle.text_tokenizer import TextTokenizer

HEAD_WIDTH = 64  # of Mega's attention, and of Mini's


class Painter(MinDalle):
    """A MinDalle whose own set-up, which asks the network, never runs: weights and sizes come from `directory`."""

    def __init__(self, directory: Path, device: str) -> None:
        self.device, self.dtype = device, torch.float32
        self.is_reusable, self.is_verbose = True, False
        vocabulary = json.loads((directory / "vocab.json").read_text("utf8"))
        merges = (directory / "merges.txt").read_text("utf8").split("\n")[1:-1]
        self.tokenizer = TextTokenizer(vocabulary, merges)
        encoder, decoder = (_tensors(directory / f"{name}.pt") for name in ("encoder", "decoder"))
        self._measure(encoder, decoder)
        common = {
            "embed_count": self.embed_count,
            "attention_head_count": self.attention_head_count,
            "glu_embed_count": self.glu_embed_count,
            "layer_count": self.layer_count,
            "device": device,
        }
        text = {"text_vocab_count": self.text_vocab_count, "text_token_count": self.text_token_count}
        self.encoder = _filled(DalleBartEncoder(**common, **text), encoder, device)
        self.decoder = _filled(DalleBartDecoder(**common, image_vocab_count=self.image_vocab_count), decoder, device)
        self.detokenizer = _filled(VQGanDetokenizer(), _tensors(directory / "detoker.pt"), device)

    def _measure(self, encoder: dict[str, Any], decoder: dict[str, Any]) -> None:
        self.text_vocab_count, self.embed_count = encoder["embed_tokens.weight"].shape
        self.text_token_count = encoder["embed_positions.weight"].shape[0]
        self.image_vocab_count = decoder["embed_tokens.weight"].shape[0] - 1
        self.glu_embed_count = encoder["layers.0.glu.fc0.weight"].shape[0]
        self.layer_count = len({name.split(".")[1] for name in decoder if name.startswith("layers.")})
        self.attention_head_count = self.embed_count // HEAD_WIDTH


def _tensors(file: Path) -> dict[str, Any]:
    return torch.load(file, map_location="cpu", weights_only=True, mmap=True)


def _filled(module: Any, tensors: dict[str, Any], device: str) -> Any:
    missing = module.load_state_dict(tensors, strict=False).missing_keys
    if missing:
        raise ValueError(f"the weights lack {', '.join(missing[:3])}")
    return module.float().eval().to(device)
