"""Where the platform may connect to on somebody's behalf: one guard for webhooks and for files named by URL."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from mainspring.core.errors import MainspringError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LONGEST = 4096
_PRINTABLE = re.compile(r"[!-~]+")
_PORTS = {"http": 80, "https": 443}
_LOCALHOST = ("127.0.0.1", "::1")
_METADATA = frozenset({"168.63.129.16"})  # Azure's, which looks public
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class RefusedTarget(MainspringError):
    """The platform does not connect there."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL. host: without brackets; authority: the Host header; path: with its query."""

    scheme: str
    host: str
    port: int
    path: str
    authority: str
    authorization: str | None = None

    @property
    def origin(self) -> str:
        """host:port, whom the connection is made to."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Egress:
    """What is allowed beyond public addresses.

    private: everything. hosts: those that the operator named, as `host`, `host:port` or `*.domain`; `localhost` stands
    for 127.0.0.1 and ::1 too.
    """

    private: bool = False
    hosts: frozenset[str] = frozenset()

    @classmethod
    def naming(cls, hosts: str) -> Egress:
        """hosts: separated by commas."""
        return cls(hosts=frozenset(h.strip().lower() for h in hosts.split(",") if h.strip()))

    def names(self, target: Target) -> bool:
        """Whether the operator named this host."""
        spellings = [target.host, *(["localhost"] if target.host in _LOCALHOST else [])]
        above = [f"*.{target.host[i + 1 :]}" for i, c in enumerate(target.host) if c == "."]
        known = [*spellings, *above]
        return any(k in self.hosts or f"{k}:{target.port}" in self.hosts for k in known)

    def check(self, address: str, target: Target) -> None:
        """Raises RefusedTarget for an address of target that must not be connected to."""
        if not (self.private or is_public(address) or self.names(target)):
            raise RefusedTarget(f"{target.host} is a private address")

    def check_literal(self, target: Target) -> None:
        """`check`, for a host that is an address already; others are checked once they are resolved."""
        literal = _address(target.host)
        if literal is not None:
            self.check(str(literal), target)
        elif target.host == "localhost" or target.host.endswith(".localhost"):
            self.check("127.0.0.1", target)


_HOW = "Let webhooks go there with the setting webhook_hosts, for example MAINSPRING_WEBHOOK_HOSTS={}"


@lru_cache(1024)
def check_webhook(url: str, egress: Egress) -> Target:
    """The parts of a webhook's URL: https, or a host that the operator named. Raises RefusedTarget."""
    target = parse_target(url)
    try:
        egress.check_literal(target)
    except RefusedTarget as error:
        raise RefusedTarget(f"{error}. {_HOW.format(_name(target))}") from error
    if target.scheme != "https" and not egress.names(target):
        raise RefusedTarget(f"it must be an https URL. {_HOW.format(_name(target))}")
    return target


def check_webhook_address(address: str, target: Target, egress: Egress) -> None:
    """Raises RefusedTarget for an address that a webhook's host was resolved to and that must not be connected to."""
    try:
        egress.check(address, target)
    except RefusedTarget as error:
        raise RefusedTarget(f"{error}. {_HOW.format(_name(target))}") from error


def _name(target: Target) -> str:
    return "localhost" if target.host in _LOCALHOST else target.host


def is_public(address: str) -> bool:
    """Whether anybody on the internet would reach the same machine there."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return all(
        a.is_global and not a.is_multicast and not a.is_reserved and str(a) not in _METADATA
        for a in _within(found)
    )


def _within(address: Address) -> list[Address]:
    """The address that is really reached, where an IPv6 address carries an IPv4 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address.teredo is not None:
        return [address, *address.teredo]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


@lru_cache(1024)
def parse_target(url: str) -> Target:
    """The parts of an http or https URL that a request is made of. Raises RefusedTarget."""
    if len(url) > _LONGEST or not _PRINTABLE.fullmatch(url):
        raise RefusedTarget("a URL has at most 4096 printable ASCII characters and no spaces")
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError as error:
        raise RefusedTarget(f"it is not a URL: {error}") from error
    if parts.scheme not in _PORTS or not host:
        raise RefusedTarget("it is not an http or https URL")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    plain = f"[{host}]" if ":" in host else host
    authority = plain if port is None else f"{plain}:{port}"
    return Target(
        parts.scheme,
        host,
        port or _PORTS[parts.scheme],
        path,
        authority,
        _basic(parts.username, parts.password),
    )


def _basic(username: str | None, password: str | None) -> str | None:
    if username is None:
        return None
    plain = f"{unquote(username)}:{unquote(password or '')}"
    return "Basic " + base64.b64encode(plain.encode()).decode()


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
