"""The sockets that the platform listens on, and the servers behind them."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from mainspring.core.errors import MainspringError
from mainspring.replying import Replies


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


class _Server(uvicorn.Server):
    """Leaves signals to us: two servers share the process."""

    def capture_signals(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()


def serving_on(app: ASGIApp, cert_file: Path, key_file: Path, proxies: str = "") -> list[_Server]:
    """(the HTTP server, the HTTPS server) of an application. proxies: whose word on the client is taken."""
    common: dict[str, Any] = {
        "http": Replies,
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "timeout_graceful_shutdown": 3,
        "timeout_keep_alive": 75,
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": proxies,
    }
    plain = uvicorn.Config(app, **common)
    secure = uvicorn.Config(app, **common, ssl_certfile=cert_file, ssl_keyfile=key_file)
    secure.load()
    if secure.ssl is not None:
        secure.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return [_Server(plain), _Server(secure)]
