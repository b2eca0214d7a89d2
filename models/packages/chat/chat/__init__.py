"""Chat language models behind one set of inputs; chat.toml says which model, and the machine which engine."""

from chat.answers import Answers
from chat.config import Config, read_config
from chat.engine import Engine, Piece, Sampling
from chat.prompts import Prompt, fill_in
from chat.starting import start_engine

__all__ = [
    "Answers",
    "Config",
    "Engine",
    "Piece",
    "Prompt",
    "Sampling",
    "fill_in",
    "read_config",
    "start_engine",
]
