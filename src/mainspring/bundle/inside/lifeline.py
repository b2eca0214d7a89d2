"""Ends the model with its server: coglet's process for the author's code does not always notice that the other died."""

from __future__ import annotations

import os
import select
import signal
import threading
import time

_LOOK_AGAIN_S = 0.5


def hold() -> None:
    """Die once the parent process is gone, and with us the process group that it led."""
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
    group = os.getpgid(0)
    os.kill(-group if group == parent else os.getpid(), signal.SIGKILL)
