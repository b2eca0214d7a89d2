"""Stop sequences: text that ends an answer and does not show in it, however it is cut into pieces."""

from __future__ import annotations

from collections.abc import Iterable


class Stops:
    """Holds back what may yet become a stop sequence."""

    def __init__(self, sequences: Iterable[str]) -> None:
        self._sequences = tuple(each for each in sequences if each)
        self._held = ""
        self.hit = False

    @classmethod
    def listed(cls, text: str | None) -> Stops:
        """From an input such as '<end>,<stop>'."""
        return cls((text or "").split(","))

    def feed(self, text: str, *, may_stop: bool = True) -> str:
        """What may be shown by now; `hit` says whether the answer ends here."""
        self._held += text
        if may_stop and (ends := self._first()) is not None:
            self.hit = True
            shown, self._held = self._held[:ends], ""
            return shown
        keep = self._prefix() if may_stop else 0
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown

    def rest(self) -> str:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return held

    def _first(self) -> int | None:
        found = [at for each in self._sequences if (at := self._held.find(each)) >= 0]
        return min(found, default=None)

    def _prefix(self) -> int:
        """The length of the longest end of what is held that begins a sequence."""
        longest = max((len(each) - 1 for each in self._sequences), default=0)
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(each.startswith(self._held[-length:]) for each in self._sequences):
                return length
        return 0
