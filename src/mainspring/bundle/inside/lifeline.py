"""Ends the model with its server: coglet's process for the author's code does not always notice that the other died."""

from __future__ import annotations

import os
import select
import signal
import threading
import time

_LOOK_AGAIN_S = 0.5


def hold() -> None:
    """Kill this process group once the parent process is gone."""
    parent = os.getppid()
    threading.Thread(target=_wait_for_the_end, args=(parent,), name="lifeline", daemon=True).start()


def _wait_for_the_end(parent: int) -> None:
    try:
        handle = os.pidfd_open(parent)  # type: ignore[attr-defined,unused-ignore]
    except (AttributeError, OSError):
        while os.getppid() == parent:
            time.sleep(_LOOK_AGAIN_S)
    else:
        if os.getppid() == parent:
            select.select([handle], [], [])
    os.killpg(os.getpgid(0), signal.SIGKILL)
