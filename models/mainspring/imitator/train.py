"""Learns to write like a text."""

import os
import random
import time

from cog import BaseModel, Input, Path

from letters import Letters

LONGEST = 50_000


class TrainingOutput(BaseModel):
    weights: Path


def train(
    text: Path = Input(description="A plain text in UTF-8; its first 50,000 letters are read"),
    epochs: int = Input(default=4, ge=1, le=50, description="How often to go through the text"),
    learning_rate: float = Input(default=0.2, ge=0.001, le=2, description="How far each letter moves the scores"),
    seed: int = Input(default=0, description="Decides the order in which places of the text are learned"),
) -> TrainingOutput:
    known = os.environ.get("COG_WEIGHTS")
    model = Letters.load(Path(known)) if known else Letters()
    read = text.read_text(encoding="utf-8")[:LONGEST]
    if len(read) < 100:
        raise ValueError("The text is too short to learn from: give at least 100 letters.")
    model.widen(read)
    numbers = {letter: number for number, letter in enumerate(model.alphabet)}
    print(f"{len(read)} letters, {len(set(read))} of them different")
    places = list(range(len(read)))
    dice, began = random.Random(seed), time.monotonic()
    for epoch in range(1, epochs + 1):
        dice.shuffle(places)
        surprise = 0.0
        for at in places:
            surprise += model.learn(read[max(0, at - 4) : at], numbers[read[at]], learning_rate / epoch)
        bar = "█" * (20 * epoch // epochs)
        took = time.monotonic() - began
        print(f"{100 * epoch // epochs:3}%|{bar:20}| {epoch}/{epochs} [{took:.1f}s, loss {surprise / len(read):.3f}]")
    model.save(Path("weights.json"))
    return TrainingOutput(weights=Path("weights.json"))
