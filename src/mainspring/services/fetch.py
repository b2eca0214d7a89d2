"""Downloads what inputs name by URL, from addresses that were looked at first."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

from mainspring.core.egress import Egress, RefusedTarget, Target, parse_target
from mainspring.services.addresses import Resolver
from mainspring.services.inputs import InputError

if TYPE_CHECKING:
    import aiohttp

_REDIRECTS = 5
_CHUNK = 1 << 18
_QUIET_S = 30.0
_AS_IT_IS = "!#$%&'()*+,/:;=?@[]~"
_HOW = "Upload the file instead, or let inputs name such URLs with the setting private_urls"


class Fetcher:
    """Fetches files over HTTP(S).

    Each host is resolved once, every address is vetted, and the vetted address is the one connected to.
    egress: which addresses may be asked. limit: bytes.
    """

    def __init__(self, egress: Egress, *, limit: int) -> None:
        self._egress = egress
        self._resolver = Resolver()
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
        self._resolver.close()
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_vetted_resolver(self._resolver, self._egress), ttl_dns_cache=0
            )
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_QUIET_S)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, headers={"User-Agent": "mainspring"}, trust_env=True
            )
        return self._session

    def _vet(self, url: str) -> str:
        """The url, unless it can't be fetched; addresses written as numbers never reach the resolver."""
        try:
            target = parse_target(quote(url, safe=_AS_IT_IS))
        except RefusedTarget as error:
            raise InputError(f"{url} can't be downloaded: {error}") from error
        try:
            self._egress.check_literal(target)
        except RefusedTarget as error:
            raise InputError(f"{error}. {_HOW}") from error
        return url

    async def _save(self, response: aiohttp.ClientResponse, target: Path, url: str) -> None:
        size = 0
        with target.open("wb") as out:
            async for chunk in response.content.iter_chunked(_CHUNK):
                size += len(chunk)
                if size > self._limit:
                    raise InputError(f"{url} is larger than {self._limit >> 20} MiB")
                out.write(chunk)


def _refusal(error: BaseException) -> str | None:
    """What we refused an address with, however deep the HTTP client has wrapped it."""
    below: BaseException | None = error
    while below is not None and not isinstance(below, RefusedTarget):
        below = below.__cause__ or below.__context__
    return f"{below}. {_HOW}" if below is not None else None


def _vetted_resolver(resolver: Resolver, egress: Egress) -> Any:
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Vetted(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            target = Target("", host, port, "", host)
            try:
                found = await resolver.resolve(
                    host, port, lambda address: egress.check(address, target), family
                )
            except RefusedTarget as error:
                raise OSError(str(error)) from error
            return [
                ResolveResult(
                    hostname=host,
                    host=one.address,
                    port=port,
                    family=one.family,
                    proto=one.proto,
                    flags=socket.AI_NUMERICHOST,
                )
                for one in found
            ]

        async def close(self) -> None:
            return None

    return Vetted()
