"""How long a line is to the ear: an estimate, by the letters of English."""

import re

_WORD = re.compile(r"[a-z]+")
_VOWELS = re.compile(r"[aeiouy]+")


def syllables(line: str) -> int:
    """Groups of vowels, less the silent e at the end of a word; at least one to each word."""
    return sum(_in_word(word) for word in _WORD.findall(line.lower().replace("'", "")))


def _in_word(word: str) -> int:
    groups = len(_VOWELS.findall(word))
    silent = (
        word.endswith("e")
        and not word.endswith(("le", "ee", "ye"))
        or word.endswith("ed")
        and word[-3:-2] not in "td"
    )
    return max(1, groups - silent)


def distance(lines: list[str], form: tuple[int, ...] = (5, 7, 5)) -> int:
    """How many syllables `lines` are away from the form; 0 is a haiku."""
    return sum(abs(syllables(line) - wanted) for line, wanted in zip(lines, form, strict=True))
