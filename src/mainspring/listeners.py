"""The sockets that the platform listens on."""

from __future__ import annotations

import socket

from mainspring.core.errors import MainspringError


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, bound before anything else so that a taken port is known at once. Raises MainspringError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise MainspringError(
            f"Port {port} of {host} can't be used: {error.strerror}. Is another server running?"
            " Choose others with --port and --tls-port."
        ) from error
    listener.set_inheritable(False)
    return listener


def also_ipv6(listener: socket.socket) -> list[socket.socket]:
    """The same port of ::1 when the listener is 127.0.0.1's: "localhost" may mean either."""
    host, port = listener.getsockname()[:2]
    if host != "127.0.0.1":
        return []
    try:
        return [bind("::1", port)]
    except (MainspringError, OSError):
        return []
