"""A small language model of letters, in nothing but Python: how likely each letter is after the few before it."""

import json
import math
import random
from pathlib import Path

ALPHABET = "\nabcdefghijklmnopqrstuvwxyz .,;:!?'\"-()0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LONGEST = 4


class Letters:
    """A score for each next letter, summed over what the last 0 to 4 letters say; softmax makes it a chance."""

    def __init__(self, alphabet: str = ALPHABET) -> None:
        self.alphabet = alphabet
        self.scores: dict[str, list[float]] = {}

    @classmethod
    def load(cls, path: Path) -> "Letters":
        kept = json.loads(Path(path).read_text())
        model = cls(kept["alphabet"])
        model.scores = kept["scores"]
        return model

    def save(self, path: Path) -> None:
        scores = {end: [round(score, 3) for score in row] for end, row in self.scores.items()}
        path.write_text(json.dumps({"alphabet": self.alphabet, "scores": scores}))

    def widen(self, letters: str) -> None:
        """Make room for letters that the alphabet lacks."""
        new = "".join(sorted(set(letters) - set(self.alphabet)))
        self.alphabet += new
        for row in self.scores.values():
            row.extend([0.0] * len(new))

    def chances(self, before: str, temperature: float = 1.0) -> list[float]:
        known = [row for end in endings(before) if (row := self.scores.get(end)) is not None]
        if not known:
            return [1 / len(self.alphabet)] * len(self.alphabet)
        totals = [sum(column) / temperature for column in zip(*known, strict=True)]
        highest = max(totals)
        powers = [math.exp(total - highest) for total in totals]
        whole = sum(powers)
        return [power / whole for power in powers]

    def learn(self, before: str, letter: int, rate: float) -> float:
        """One step of gradient descent; the surprise (in nats) at the letter."""
        for end in endings(before):
            if end not in self.scores:
                self.scores[end] = [0.0] * len(self.alphabet)
        chances = self.chances(before)
        step = [-rate * chance for chance in chances]
        step[letter] += rate
        for end in endings(before):
            self.scores[end] = [score + change for score, change in zip(self.scores[end], step, strict=True)]
        return -math.log(max(chances[letter], 1e-12))

    def write(self, prompt: str, length: int, temperature: float, seed: int) -> str:
        dice = random.Random(seed)
        text = prompt
        for _ in range(length):
            text += dice.choices(self.alphabet, self.chances(text, temperature))[0]
        return text


def endings(before: str) -> list[str]:
    """The last 0, 1, 2, … letters."""
    return [before[len(before) - n :] for n in range(min(LONGEST, len(before)) + 1)]
