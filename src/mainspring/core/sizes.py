"""Sizes of memory as people write and read them."""

from __future__ import annotations

import re

_UNITS = {"": 1, **{f"{p}{b}": 1000**n for n, p in enumerate("kmgt", 1) for b in ("", "b")}}
_UNITS |= {f"{p}ib": 1 << 10 * n for n, p in enumerate("kmgt", 1)} | {"b": 1}
_SIZE = re.compile(r"\s*(?P<number>\d+(\.\d+)?)\s*(?P<unit>[a-z]*)\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes of texts like 800000, 1.5GB and 24 GiB. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None or found["unit"].lower() not in _UNITS:
        raise ValueError(f"{text!r} is not a size: say 800MB, 1.5GB or 24GiB")
    return int(float(found["number"]) * _UNITS[found["unit"].lower()])


def spell_size(size: int) -> str:
    """As people read it: 1.5 GiB, 800 MiB."""
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"
