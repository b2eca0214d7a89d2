"""What this machine offers to models."""

from __future__ import annotations

import os

from mainspring.core.placement import Capacity

_FOR_MODELS = 0.9


def capacity() -> Capacity:
    """Cores that this process may use, nine tenths of the memory, and the GPUs that NVML finds."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Capacity(cpus=float(len(os.sched_getaffinity(0))), memory=int(memory * _FOR_MODELS), gpus=gpus())


def gpus() -> int:
    """How many NVIDIA GPUs there are; 0 without a driver."""
    if not os.path.exists("/dev/nvidiactl") and not os.path.exists("/dev/dxg"):
        return 0
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            return int(pynvml.nvmlDeviceGetCount())
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return 0
