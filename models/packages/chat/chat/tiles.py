"""Leave to use a CPU's matrix tiles (AMX), asked for by each process of vLLM that imports this.

Linux kills a process that uses them without. vLLM's attention uses them and leaves the asking to oneDNN, which the
matrices of a small model never reach.
"""

from __future__ import annotations

import torch

torch.cpu._init_amx()


class Tiles:
    """What vLLM's workers are given as their extension; all of it is that they import it."""
