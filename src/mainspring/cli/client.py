"""The HTTP client of the commands: one server, its token, its authority, and errors in words."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx

from mainspring import __version__
from mainspring.cli.state import LOOPBACK, Target, find_target
from mainspring.cli.terminal import CliError

T = TypeVar("T")
NO_LIMIT = httpx.Timeout(30, read=None, write=None)
_TRUST_HINT = """Its certificate is signed by its own authority. On its machine: eval "$(mainspring env)"
From another machine: copy ca.pem here and run `mainspring login {url} --ca ca.pem`"""


class Unreachable(CliError):
    """The server could not be reached, or went away; asking again may help."""


class Refused(CliError):
    """The server answered with an error. status: of HTTP; body: the decoded problem, or {}."""

    def __init__(self, status: int, body: dict[str, Any], message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.status = status
        self.body = body


class Client:
    """Speaks to one server. The token goes to that server's own paths, never to a URL found in a reply."""

    def __init__(self, target: Target | None = None) -> None:
        self.target = target or find_target()
        host = urlsplit(self.target.url).hostname
        self._http = httpx.AsyncClient(
            verify=_trusted(self.target),
            timeout=httpx.Timeout(60, connect=10),
            headers={"User-Agent": f"mainspring/{__version__}"},
            trust_env=host not in LOOPBACK,  # a proxy has no business with this machine's own ports
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, **params: Any) -> Any:
        """The decoded JSON at `path`."""
        return await self.call("GET", path, params=params or None)

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """The decoded JSON reply, None when it is empty. Raises Refused, Unreachable."""
        async with self.open(method, path, **options) as response:
            with self._words():
                text = (await response.aread()).decode(errors="replace")
        try:
            return json.loads(text) if text.strip() else None
        except ValueError:
            raise CliError(
                f"{self.target.url} does not speak the API.", "Is this the URL of Mainspring?"
            ) from None

    @asynccontextmanager
    async def open(self, method: str, path: str, **options: Any) -> AsyncIterator[httpx.Response]:
        """The reply to a call of the API, before its body is read. Raises Refused, Unreachable."""
        headers = {**options.pop("headers", {})}
        if self.target.token:
            headers["Authorization"] = f"Bearer {self.target.token}"
        async with self._stream(method, self.target.url + path, headers=headers, **options) as response:
            yield response

    @asynccontextmanager
    async def open_url(
        self, url: str, headers: dict[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """The reply of an absolute URL that needs no token: an output file or a stream."""
        async with self._stream("GET", url, headers=headers, timeout=NO_LIMIT) as response:
            yield response

    async def pages(self, path: str, limit: int = 1000) -> list[Any]:
        """The results of a list, page by page, at most about `limit`."""
        found: list[Any] = []
        url: str | None = path
        while url and len(found) < limit:
            page = await self.get(url)
            found += page["results"]
            rest = urlsplit(page.get("next") or "")
            path = rest.path.removeprefix(urlsplit(self.target.url).path)
            url = f"{path}?{rest.query}" if path else None
        return found

    @asynccontextmanager
    async def _stream(self, method: str, url: str, **options: Any) -> AsyncIterator[httpx.Response]:
        with self._words():
            async with self._http.stream(method, url, **options) as response:
                if response.status_code >= 400:
                    raise _refused(self.target, response.status_code, await response.aread())
                yield response

    @contextmanager
    def _words(self) -> Iterator[None]:
        url = self.target.url
        try:
            yield
        except httpx.ConnectError as error:
            raise _not_connected(url, error) from None
        except httpx.TimeoutException:
            raise Unreachable(
                f"{url} did not answer in time.", "Try again, or look at the server's log."
            ) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise CliError(f"That is no URL that can be called: {error}") from None
        except httpx.TransportError as error:
            other = "https" if url.startswith("http:") else "http"
            hint = f"If it happens again: is this port the {other} one?"
            raise Unreachable(
                f"The connection to {url} broke off: {str(error) or type(error).__name__}.", hint
            ) from None


def _trusted(target: Target) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    try:
        if target.ca:
            context.load_verify_locations(target.ca)
    except OSError as error:
        raise CliError(
            f"{target.ca}: {error}", f"Run `mainspring login {target.url} --ca FILE` again."
        ) from None
    return context


def _not_connected(url: str, error: httpx.ConnectError) -> CliError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return CliError(f"The certificate of {url} is not trusted here.", _TRUST_HINT.format(url=url))
    if "SSL" in str(error):
        return CliError(f"{url} does not speak TLS.", "Perhaps this is the HTTP port: use http:// instead.")
    local = urlsplit(url).hostname in LOOPBACK
    hint = (
        "Is `mainspring serve` running?"
        if local
        else "Is `mainspring serve` running there, on an open --host?"
    )
    if "MAINSPRING_URL" not in os.environ:
        hint += "\nFor another server: set MAINSPRING_URL, or `mainspring login URL`."
    return Unreachable(f"Nothing answers at {url}.", hint)


def _refused(target: Target, status: int, content: bytes) -> Refused:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict) or "detail" not in body:
        return Refused(status, {}, f"{target.url} answered {status}.", "Is this the URL of Mainspring?")
    title, detail = body.get("title"), str(body["detail"]).strip()
    hints = {
        401: f"Run `mainspring login {target.url}`, or set MAINSPRING_TOKEN."
        if not target.token
        else f"The token is not one of this server's: run `mainspring login {target.url}`.",
        429: "It takes no more for now; try again in a moment.",
        503: "It can't take this for now; try again in a moment.",
    }
    return Refused(
        status, body, f"{title}\n{detail}" if title and title != detail else detail, hints.get(status, "")
    )


async def read_lines(content: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The lines of `content` that ended; a last one without its end is left out."""
    # httpx's own lines also break at U+2028 and the like, which a model may well write.
    rest = b""
    async for block in content:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode(errors="replace")


def ask(work: Callable[[Client], Awaitable[T]], target: Target | None = None) -> T:
    """Runs `work` with a client, to its end; for the commands, which are not async."""

    async def asking() -> T:
        async with Client(target) as client:
            return await work(client)

    return asyncio.run(asking())
