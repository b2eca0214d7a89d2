"""Names become addresses once, every address is looked at, and what was looked at is what is connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

Check = Callable[[str], None]
Key = tuple[str, int, int]
_THREADS = 16


@dataclass(frozen=True, slots=True)
class Resolved:
    """One address of a host, as the system's resolver gave it."""

    family: int
    proto: int
    address: str
    port: int


class Resolver:
    """Asks the system's resolver in threads of its own, for each name once at a time.

    So a name whose answer takes long keeps one thread, and nobody else's.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolve")
        self._asked: dict[Key, asyncio.Future[list[Resolved]]] = {}

    async def resolve(self, host: str, port: int, check: Check, family: int = 0) -> list[Resolved]:
        """The host's addresses, best first. Raises OSError when it has none, and what `check` raises for any."""
        key = (host, port, family)
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.get_running_loop().run_in_executor(self._threads, _ask, *key)
            asked.add_done_callback(lambda done: self._forget(key, done))
        found = await asyncio.shield(asked)
        for one in found:
            check(one.address)
        return found

    def close(self) -> None:
        """Wait for nobody's answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, key: Key, done: asyncio.Future[list[Resolved]]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # whoever asked may be gone; then nobody else looks at it


def _ask(host: str, port: int, family: int) -> list[Resolved]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
    return [Resolved(kind, proto, str(address[0]), port) for kind, _, proto, _, address in found]
