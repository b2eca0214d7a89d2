"""The server: a platform behind its listeners, from the first byte to the last."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn

from mainspring import logs
from mainspring.bundle import ADAPTER
from mainspring.launchers.subprocess import SubprocessLauncher
from mainspring.listeners import also_ipv6, bind, serving_on
from mainspring.platform import Platform
from mainspring.services.bundled import push_bundled
from mainspring.services.certificates import Certificates, ensure_certificates, local_names
from mainspring.settings import Settings, note_ports
from mainspring.supervisor import signals
from mainspring.tracing.otel import tracer_from

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Announcement:
    """Where the platform is. token: only when it was made just now."""

    page_url: str
    sign_in_url: str
    api_url: str
    tls_api_url: str
    ca_file: Path
    token: str | None
    account: str


def serve(settings: Settings, *, announce: Callable[[Announcement], None]) -> int:
    """Run the platform until SIGTERM or SIGINT. Returns the exit status."""
    logs.configure(settings.log_level, settings.log_format)
    settings = replace(settings, data=settings.data.resolve())
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    chosen = os.environ.pop("MAINSPRING_TOKEN", None)
    uvloop: Any = None
    try:
        import uvloop
    except ImportError:
        log.info("uvloop is not here; asyncio's own loop is used")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as loop:
        return loop.run(_serve(settings, chosen, announce))


async def _serve(settings: Settings, chosen: str | None, announce: Callable[[Announcement], None]) -> int:
    sockets = [bind(settings.host, port) for port in (settings.port, settings.tls_port)]
    certificates = ensure_certificates(settings.data, local_names(settings.host))
    launcher = SubprocessLauncher(
        settings.data / "instances",
        isolate=settings.isolate,  # type: ignore[arg-type]
        hidden=(settings.data,),
        adapter=Path(ADAPTER.rpartition(":")[0]),
    )
    platform = Platform(settings, launcher=launcher, tracer=tracer_from())
    stopping, hurry = signals()
    token = await platform.ledger.accounts.begin(settings.account, chosen, platform.now())
    await platform.start()
    listening = serving_on(
        platform.app(), certificates.cert_file, certificates.key_file, settings.trusted_proxies
    )
    platform.health.listeners = lambda: dict(zip(("HTTP", "HTTPS"), map(_hears, listening), strict=True))
    serving = [
        asyncio.create_task(server.serve(sockets=[sock, *also_ipv6(sock)]))
        for server, sock in zip(listening, sockets, strict=True)
    ]
    while not all(server.started for server in listening) and not any(task.done() for task in serving):
        await asyncio.sleep(0.005)
    note_ports(settings.data, *(sock.getsockname()[1] for sock in sockets))
    gc.collect()
    gc.freeze()
    # A request leaves few cycles behind; to look for them at each turn costs 3 % of it.
    gc.set_threshold(10_000, 20, 20)
    code = platform.links.make(settings.account, platform.now())
    announce(_announcement(settings, sockets, certificates, token, code))
    url = _local_url(settings, sockets[0])
    pushing = asyncio.create_task(
        push_bundled(platform.builder, settings, lambda version: platform.show(version, url))
    )
    await asyncio.wait([asyncio.create_task(stopping.wait()), *serving], return_when=asyncio.FIRST_COMPLETED)
    pushing.cancel()
    await _stop(platform, hurry, settings.grace_s)
    for server in listening:
        server.should_exit = True
        server.force_exit = hurry.is_set()
    await asyncio.gather(*serving, pushing, return_exceptions=True)
    return 0


def _hears(server: uvicorn.Server) -> bool:
    """Whether it takes connections."""
    return server.started and not server.should_exit


async def _stop(platform: Platform, hurry: asyncio.Event, grace_s: float) -> None:
    """Stop within the grace period, or at once when asked a second time."""
    stopping = asyncio.create_task(platform.stop(grace_s))
    hurrying = asyncio.create_task(hurry.wait())
    await asyncio.wait([stopping, hurrying], return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        platform.director.hurry()
    await stopping
    hurrying.cancel()


def _announcement(
    settings: Settings,
    sockets: list[socket.socket],
    certificates: Certificates,
    token: str | None,
    code: str,
) -> Announcement:
    url, secure = _local_url(settings, sockets[0]), _local_url(settings, sockets[1], "https")
    return Announcement(
        page_url=url,
        sign_in_url=f"{url}/login?code={code}",
        api_url=f"{url}/v1",
        tls_api_url=f"{secure}/v1",
        ca_file=certificates.ca_file,
        token=token,
        account=settings.account,
    )


def _local_url(settings: Settings, listener: socket.socket, scheme: str = "http") -> str:
    """Where somebody at this machine finds the listener."""
    host = "localhost" if settings.host in ("127.0.0.1", "::1", "0.0.0.0", "::") else settings.host  # noqa: S104
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
