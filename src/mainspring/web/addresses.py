"""The platform's own base URLs, as the browser that asks can reach them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request

from mainspring.settings import Settings

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs without a trailing slash. here: the one that was called; http, https: None where unknown."""

    here: str
    http: str | None
    https: str | None

    @property
    def for_files(self) -> str:
        """Where clients get file objects: over HTTPS when that is known."""
        return self.https or self.here


def addresses(request: Request, settings: Settings) -> Addresses:
    """The called listener by the request's host; the other one only when no proxy can be in between."""
    scheme = request.url.scheme
    found = _HOST.fullmatch(request.headers.get("host", "")) or _HOST.fullmatch("localhost")
    assert found is not None
    own = {"http": settings.port, "https": settings.tls_port}
    here = f"{scheme}://{found[0]}"
    direct = int(found["port"] or _DEFAULT_PORT.get(scheme, 0)) == own.get(scheme)
    urls = {other: f"{other}://{found['name']}:{port}" for other, port in own.items() if direct and port}
    urls[scheme] = here
    return Addresses(here, urls.get("http"), urls.get("https"))
