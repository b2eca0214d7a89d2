"""How many threads one instance computes with, so that several on one machine do not fight over its cores."""

from __future__ import annotations


def share(cores: int, cpus: float, live: int) -> int:
    """The cores that are set aside for it; of less than one, its part among `live` instances, at most half of all."""
    return int(cpus) if cpus >= 1 else max(1, cores // max(2, live))
