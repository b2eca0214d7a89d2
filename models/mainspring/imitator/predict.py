"""Writes on in the manner of the text that it was trained on; untrained, it types at random."""

from typing import Optional

from cog import BaseRunner, Input, Path

from letters import Letters


class Runner(BaseRunner):
    def setup(self, weights: Optional[Path] = None) -> None:
        self.model = Letters.load(weights) if weights else Letters()

    def run(
        self,
        prompt: str = Input(default="", description="What the text begins with"),
        length: int = Input(default=200, ge=1, le=5000, description="How many letters to write"),
        temperature: float = Input(default=0.6, ge=0.05, le=5, description="Higher is more daring"),
        seed: int = Input(default=0, description="The same seed writes the same text"),
    ) -> str:
        return self.model.write(prompt, length, temperature, seed)
