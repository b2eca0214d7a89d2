"""Downloads what inputs name by URL, from addresses that were looked at first."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from mainspring.services.inputs import InputError

if TYPE_CHECKING:
    import aiohttp

_REDIRECTS = 5
_CHUNK = 1 << 18
_QUIET_S = 30.0


class Fetcher:
    """Fetches files over HTTP(S).

    Each host is resolved once, every address is vetted, and the vetted address is the one connected to.
    private: whether addresses that are not public may be asked. limit: bytes.
    """

    def __init__(self, *, private: bool, limit: int) -> None:
        self._private = private
        self._limit = limit
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, target: Path) -> str:
        """Download url to target; returns the target's name. Raises InputError in words for the caller."""
        import aiohttp

        try:
            for _ in range(_REDIRECTS + 1):
                async with self._open().get(self._vet(url), allow_redirects=False) as response:
                    if response.status in (301, 302, 303, 307, 308) and "location" in response.headers:
                        url = urljoin(url, response.headers["location"])
                        continue
                    if response.status != 200:
                        raise InputError(f"{url} answered {response.status} {response.reason}")
                    await self._save(response, target, url)
                    return target.name
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            told = _refusal(error) or str(error) or "it took too long"
            raise InputError(f"{url} could not be downloaded: {told}") from error
        raise InputError(f"{url} redirects too often")

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=_vetted_resolver(self._private), ttl_dns_cache=0)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_QUIET_S)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, headers={"User-Agent": "mainspring"}, trust_env=True
            )
        return self._session

    def _vet(self, url: str) -> str:
        """The url, unless it can't be fetched; addresses written as numbers never reach the resolver."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url} is not an http or https URL")
        try:
            address = ipaddress.ip_address(parts.hostname)
        except ValueError:
            return url
        _check(str(address), parts.hostname, self._private)
        return url

    async def _save(self, response: aiohttp.ClientResponse, target: Path, url: str) -> None:
        size = 0
        with target.open("wb") as out:
            async for chunk in response.content.iter_chunked(_CHUNK):
                size += len(chunk)
                if size > self._limit:
                    raise InputError(f"{url} is larger than {self._limit >> 20} MiB")
                out.write(chunk)


def _check(address: str, host: str, private: bool) -> None:
    if not private and not ipaddress.ip_address(address.partition("%")[0]).is_global:
        raise InputError(
            f"{host} is a private address. Upload the file instead, or let inputs name such URLs with the"
            " setting private_urls"
        )


def _refusal(error: BaseException) -> str | None:
    """What we refused an address with, however deep the HTTP client has wrapped it."""
    below: BaseException | None = error
    while below is not None and not isinstance(below, InputError):
        below = below.__cause__ or below.__context__
    return str(below) if below is not None else None


def _vetted_resolver(private: bool) -> Any:
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Vetted(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, family=family
            )
            for *_, address in found:
                try:
                    _check(str(address[0]), host, private)
                except InputError as error:
                    raise OSError(str(error)) from error
            return [
                ResolveResult(
                    hostname=host,
                    host=str(address[0]),
                    port=port,
                    family=kind,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST,
                )
                for kind, _, proto, _, address in found
            ]

        async def close(self) -> None:
            return None

    return Vetted()
