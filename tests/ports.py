"""Ports for servers that are told where to listen."""

from __future__ import annotations

import itertools
import os
import random
import socket

_FIRST, _EACH, _PROCESSES = 10_000, 1_000, 20
# Below those that the kernel gives to clients, and other ones for each process that runs tests beside this one.
_PLACE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
_OFFSETS = itertools.count(random.randrange(_EACH))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that nobody else here is given soon."""
    for offset in itertools.islice(_OFFSETS, _EACH):
        port = _FIRST + _PLACE * _EACH + offset % _EACH
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise OSError("every port is taken")
