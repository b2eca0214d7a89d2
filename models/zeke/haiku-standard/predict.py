"""A haiku on a theme, by a chat language model: it writes a few, and the one that scans best is given."""

import asyncio
import re
import secrets
from pathlib import Path
from typing import Optional

from chat import Answers, Sampling, fill_in, read_config, start_engine
from chat.stops import Stops
from chat.weights import find_weights, whose
from cog import BaseRunner, Input
from syllables import distance

CONFIG = read_config(Path(__file__).with_name("chat.toml"))
DRAFTS = 4
SYSTEM = (
    "You are a poet. You write haiku: three short lines of 5, 7 and 5 syllables. Answer with the poem alone."
)
ASK = """Write a haiku about the old pond.

An old silent pond
A frog jumps into the pond
Splash! Silence again

Write a haiku about {theme}."""


class Runner(BaseRunner):
    async def setup(self) -> None:
        weights = find_weights(CONFIG)
        print(whose(CONFIG))
        self.engine = start_engine(CONFIG, weights)
        print(f"engine: {self.engine.name}")

    async def run(
        self,
        theme: str = Input(description="What the haiku is about", default="the seasons", max_length=200),
        seed: Optional[int] = Input(
            description="An optional random seed: the same seed and theme give the same haiku",
            default=None,
            ge=0,
            le=1000,
        ),
    ) -> str:
        first = secrets.randbelow(1 << 20) if seed is None else seed * DRAFTS
        drafts = await asyncio.gather(*(self.draft(theme, first + number) for number in range(DRAFTS)))
        whole = [draft for draft in drafts if len(draft) == 3]
        if not whole:
            raise RuntimeError("the model wrote no three lines; try another theme or seed")
        best = min(whole, key=distance)
        print(
            f"{len(whole)} of {DRAFTS} drafts had three lines; the best is {distance(best)} syllables off 5-7-5"
        )
        return "\n".join(best)

    async def draft(self, theme: str, seed: int) -> list[str]:
        """The first lines of one answer, three at most."""
        sampling = Sampling(64, 0, 0.8, 0.9, 50, 0.3, 0.0, seed)
        answer = Answers(self.engine, fill_in(SYSTEM, ASK.format(theme=theme), None), sampling, Stops(()))
        text = "".join([piece async for piece in answer.texts()])
        lines = [re.sub(r"^[\W\d]+|[\s*\"]+$", "", line) for line in text.splitlines()]
        # A line that ends in a colon announces the poem.
        return [line for line in lines if line and not line.endswith(":")][:3]
