"""`mainspring env`: the variables with which every client finds this platform and trusts it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainspring.cli.terminal import CliError, tell

if TYPE_CHECKING:
    from mainspring.cli.state import Target
    from mainspring.settings import Settings

_ABOUT = {
    "MAINSPRING_URL": "the mainspring command",
    "REPLICATE_BASE_URL": "Replicate's clients; JavaScript: new Replicate({baseUrl: process.env.REPLICATE_BASE_URL})",
    "SSL_CERT_FILE": "Python (httpx, aiohttp) and OpenSSL: the system's authorities and this platform's",
    "REQUESTS_CA_BUNDLE": "Python (requests)",
    "CURL_CA_BUNDLE": "curl, where it is told of another file already",
    "NODE_EXTRA_CA_CERTS": "Node.js",
}
_NOT_LOGGED_IN = """no token is known here: make one with `mainspring token create NAME`, or take the one that the first
start showed; then `mainspring login` or export MAINSPRING_TOKEN=…, and run this again"""


def env(
    plain: Annotated[
        bool, typer.Option("--plain", help="Only NAME=value lines, for scripts and env files.")
    ] = False,
    tls: Annotated[
        bool | None,
        typer.Option(
            "--tls/--no-tls", help="The HTTPS listener, or the HTTP one. Default: HTTPS if its CA is known."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The data directory of a server on this machine. Default: data."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The server's file of settings.")
    ] = None,
) -> None:
    """Print the lines that point every client here: base URL, token, and the authority to trust.

    On the server's machine they come from its data directory, elsewhere from what `mainspring login` saved. The
    token is that of MAINSPRING_TOKEN or of the login: the server keeps only a hash. Clients return files as file
    objects only over HTTPS, so that is what you get unless you say --no-tls.

    [bold]Examples[/bold]

    eval "$(mainspring env)"

    mainspring env --plain > .env

    mainspring env --no-tls
    """
    from mainspring.settings import load_settings, with_noted_ports

    settings = with_noted_ports(load_settings(config, data=data))
    at_home = data is not None or (settings.data / "ca.pem").is_file()
    access = _at_server(settings, tls) if at_home else _from_login(tls)
    for line in _plain(access) if plain else _exports(access):
        typer.echo(line)
    if plain and not access.token:
        tell(_NOT_LOGGED_IN)


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that a client must know. ca, bundle: the authority alone, and with the system's."""

    url: str
    token: str | None
    ca: Path | None
    bundle: Path | None

    def variables(self) -> dict[str, str]:
        """The environment variables in the order to show them."""
        found: dict[str, str | Path | None] = {"MAINSPRING_URL": self.url, "MAINSPRING_TOKEN": self.token}
        found |= {"REPLICATE_BASE_URL": self.url, "REPLICATE_API_TOKEN": self.token}
        found |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), self.bundle)
        # Node.js takes one extra file: one that somebody else named must not be lost to ours.
        named = os.environ.get("NODE_EXTRA_CA_CERTS")
        found["NODE_EXTRA_CA_CERTS"] = self.ca if not named or named == str(self.ca) else self.bundle
        return {name: str(value) for name, value in found.items() if value}


def _at_server(settings: Settings, tls: bool | None) -> Access:
    ca = (settings.data / "ca.pem").resolve()
    if tls and not ca.is_file():
        raise CliError(f"There is no {ca}.", "The server makes it at its first start: mainspring serve")
    secure = ca.is_file() if tls is None else tls
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    urls = f"http://{host}:{settings.port}", f"https://{host}:{settings.tls_port}"
    found = urls[secure]
    return _access(
        found, _token_for(*urls), ca if secure else None, settings.data.resolve() / "ca-bundle.pem"
    )


def _from_login(tls: bool | None) -> Access:
    from mainspring.cli.state import find_target

    target: Target = find_target()
    if tls is not None and tls != target.url.startswith("https:"):
        hint = (
            "Log in at its other URL, or name its data directory with --data DIR when it is on this machine."
        )
        raise CliError(f"The URL known here is {target.url}.", hint)
    ca = target.ca.resolve() if target.ca else None
    return _access(target.url, target.token, ca, ca.with_suffix(".bundle.pem") if ca else None)


def _access(url: str, token: str | None, ca: Path | None, bundle: Path | None) -> Access:
    from mainspring.services.certificates import bundle_with_system_cas

    if not ca or not bundle:
        return Access(url, token, None, None)
    try:
        return Access(url, token, ca, bundle_with_system_cas(ca, bundle))
    except OSError as error:
        if bundle.is_file():
            return Access(url, token, ca, bundle)
        raise CliError(f"{bundle} can't be written: {error.strerror}.") from None


def _token_for(*urls: str, environ: Mapping[str, str] = os.environ) -> str | None:
    from mainspring.cli.state import load_state

    if environ.get("MAINSPRING_TOKEN"):
        return environ["MAINSPRING_TOKEN"]
    servers = load_state(environ).servers
    names = [u.replace("127.0.0.1", n) for u in urls for n in ("127.0.0.1", "localhost", "[::1]")]
    return next((servers[name].token for name in names if name in servers), None)


def _plain(access: Access) -> Iterator[str]:
    for name, value in access.variables().items():
        yield f"{name}={value}"


def _exports(access: Access) -> Iterator[str]:
    for name, value in access.variables().items():
        if name in _ABOUT:
            yield f"# {_ABOUT[name]}"
        yield f"export {name}={shlex.quote(value)}"
    if not access.token:
        yield from (f"# {line}" for line in _NOT_LOGGED_IN.splitlines())
    if access.ca is None:
        yield "# over plain HTTP, clients return output files as URLs; use --tls for file objects"
    yield '# to set these here:  eval "$(mainspring env)"'
