"""Whether a model's example is run when the model is installed: a pure decision."""

from __future__ import annotations

from mainspring.core.hardware import Hardware
from mainspring.core.placement import Capacity


def put_off(wanted: Hardware, memory: int, machine: Capacity, *, weights: bool) -> str | None:
    """Why the example has to wait until somebody asks for it, as a sentence's end; None when it can run now.

    wanted: what the model is made for; memory: bytes that it takes, 0 when not known; weights: they are at hand.
    """
    if not weights:
        return "the model has no weights yet"
    if wanted.gpus and not machine.gpus:
        return f"the model is made for {wanted.sku}, and without a GPU that can take long"
    if wanted.gpus > machine.gpus:
        return f"the model is made for {wanted.gpus} GPUs, and this machine has {machine.gpus}"
    if memory > machine.memory:
        has = machine.memory / 1e9
        return (
            f"the model takes {memory / 1e9:.0f} GB of memory, and this machine has {has:.0f} GB for models"
        )
    return None
