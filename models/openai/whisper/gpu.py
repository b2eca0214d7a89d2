"""Where the arithmetic is done."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path

_PACKAGES = ("nvidia.cublas", "nvidia.cudnn")


def device() -> tuple[str, str]:
    """(device, type of the numbers), for WhisperModel."""
    _load_libraries()
    import ctranslate2

    return ("cuda", "float16") if ctranslate2.get_cuda_device_count() else ("cpu", "int8")


def threads() -> int:
    """What the instance may use."""
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def _load_libraries() -> None:
    """CTranslate2 looks for CUDA's libraries by name only; those of Python packages lie where no loader looks."""
    for package in _PACKAGES:
        try:
            spec = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        for place in (spec and spec.submodule_search_locations) or ():
            for library in sorted(Path(place, "lib").glob("*.so.*")):
                ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
