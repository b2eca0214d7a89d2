"""LoRA weights that were trained on SDXL: read, put on, taken off."""

import base64
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import safetensors.torch

LARGEST = 1 << 30
_OWN = ("unet.", "text_encoder.", "text_encoder_2.", "lora_unet", "lora_te")


@dataclass(frozen=True)
class Trained:
    """tensors: the LoRA's; embeddings: of new tokens, by text encoder; words: what stands in a prompt for which of
    them."""

    tensors: dict[str, Any]
    embeddings: dict[str, Any] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


def read(content: bytes) -> Trained:
    """A .safetensors file, or a .tar of lora.safetensors with, perhaps, embeddings.pti and special_params.json."""
    if len(content) > LARGEST:
        raise ValueError("these LoRA weights are larger than 1 GiB")
    members = _members(content)
    if members is None:
        return Trained(_named(safetensors.torch.load(content)))
    if "lora.safetensors" not in members:
        raise ValueError("the archive has no lora.safetensors; other fine-tunes are models of their own")
    return Trained(
        _named(safetensors.torch.load(members["lora.safetensors"])),
        safetensors.torch.load(members["embeddings.pti"]) if "embeddings.pti" in members else {},
        json.loads(members.get("special_params.json", b"{}")),
    )


def _members(content: bytes) -> Optional[dict[str, bytes]]:
    try:
        archive = tarfile.open(fileobj=io.BytesIO(content))
    except tarfile.ReadError:
        return None
    with archive:
        files = [member for member in archive if member.isfile()]
        if sum(member.size for member in files) > LARGEST:
            raise ValueError("these LoRA weights are larger than 1 GiB")
        return {Path(member.name).name: archive.extractfile(member).read() for member in files}


def _named(tensors: dict[str, Any]) -> dict[str, Any]:
    """Trainers that know only one network leave its name out."""
    if any(name.startswith(_OWN) for name in tensors):
        return tensors
    return {f"unet.{name}": tensor for name, tensor in tensors.items()}


class Adapters:
    """What LoRA weights a pipeline wears: at most one, kept from one prediction to the next."""

    def __init__(self, pipe: Any, directory: Path) -> None:
        self._pipe = pipe
        self._directory = directory
        self._worn: Optional[str] = None
        self._words: dict[str, str] = {}

    def wear(self, wanted: Optional[str], scale: float, prompt: str) -> str:
        """Put on `wanted`, or the weights' own lora.safetensors, or nothing; returns the prompt in its words."""
        name, content = self._find(wanted)
        if name != self._worn:
            self._take_off()
            if content is not None:
                self._put_on(read(content))
                self._worn = name
        if self._worn is None:
            return prompt
        self._pipe.set_adapters("trained", scale)
        for word, tokens in self._words.items():
            prompt = prompt.replace(word, tokens)
        return prompt

    def _find(self, wanted: Optional[str]) -> tuple[Optional[str], Optional[bytes]]:
        """(a name for it, its bytes)."""
        if not wanted:
            own = self._directory / "lora.safetensors"
            return ("", own.read_bytes()) if own.exists() else (None, None)
        if wanted.startswith("data:"):
            content = base64.b64decode(wanted.partition(",")[2])
            return hashlib.sha256(content).hexdigest(), content
        kept = {path.stem: path for path in self._directory.glob("loras/*") if path.suffix in (".tar", ".safetensors")}
        if wanted not in kept:
            known = ", ".join(sorted(kept)) or "none"
            raise ValueError(
                f"replicate_weights must be a data: URI or name a file in loras/ of the weights (there: {known})"
            )
        return wanted, kept[wanted].read_bytes()

    def _take_off(self) -> None:
        # First, so that one who is interrupted between these lines leaves nothing that seems to be worn.
        self._worn, self._words = None, {}
        self._pipe.unload_lora_weights()

    def _put_on(self, trained: Trained) -> None:
        self._pipe.load_lora_weights(dict(trained.tensors), adapter_name="trained")
        encoders = (self._pipe.text_encoder, self._pipe.text_encoder_2)
        tokenizers = (self._pipe.tokenizer, self._pipe.tokenizer_2)
        for number, (encoder, tokenizer) in enumerate(zip(encoders, tokenizers)):
            rows = trained.embeddings.get(f"text_encoders_{number}")
            if rows is not None:
                _learn(encoder, tokenizer, rows)
        self._words = dict(trained.words)


def _learn(encoder: Any, tokenizer: Any, rows: Any) -> None:
    """Give the tokens <s0>, <s1>, ... their embeddings, one a row."""
    names = [f"<s{number}>" for number in range(len(rows))]
    tokenizer.add_tokens(names)
    if len(tokenizer) > encoder.get_input_embeddings().num_embeddings:
        encoder.resize_token_embeddings(len(tokenizer))
    table = encoder.get_input_embeddings().weight.data
    table[tokenizer.convert_tokens_to_ids(names)] = rows.to(table)
