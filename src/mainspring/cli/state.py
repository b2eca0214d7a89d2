"""Which server, with which token: from the environment, else from what `mainspring login` saved."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from mainspring.cli.terminal import CliError

DEFAULT_URL = "http://127.0.0.1:8585"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Login:
    """What is saved for one server. ca: a file of PEM certificates to trust on top of the system's."""

    token: str = field(repr=False)
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The saved logins by URL, and the URL that is used when nothing else is said."""

    current: str | None = None
    servers: Mapping[str, Login] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """The server that commands speak to; url has no /v1 and no slash at its end."""

    url: str
    token: str | None = field(default=None, repr=False)
    ca: Path | None = None


def find_target(environ: Mapping[str, str] = os.environ) -> Target:
    """MAINSPRING_URL and MAINSPRING_TOKEN, else the saved login. A saved token goes only to its own server."""
    state = load_state(environ)
    url = clean_url(environ.get("MAINSPRING_URL") or state.current or DEFAULT_URL)
    saved = state.servers.get(url)
    token = environ.get("MAINSPRING_TOKEN") or (saved.token if saved else None)
    return Target(url, token, saved.ca if saved else None)


def clean_url(url: str) -> str:
    """`url` without /v1 and slashes at its end. Raises CliError when it is no http(s) URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CliError(f"{url!r} is not an http or https URL.", f"For example: {DEFAULT_URL}")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def config_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where logins are kept: $XDG_CONFIG_HOME/mainspring, or ~/.config/mainspring."""
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config"
    return Path(home) / "mainspring"


def load_state(environ: Mapping[str, str] = os.environ) -> State:
    """The saved logins; none when there is no file. Raises CliError when the file can't be read."""
    file = config_directory(environ) / "config.toml"
    try:
        found = tomllib.loads(file.read_text())
        servers = {
            url: Login(str(entry["token"]), Path(entry["ca"]) if "ca" in entry else None)
            for url, entry in found.get("servers", {}).items()
        }
    except FileNotFoundError:
        return State()
    except (OSError, KeyError, TypeError, AttributeError, tomllib.TOMLDecodeError) as error:
        raise CliError(f"{file} can't be read: {error}", "Remove it and log in again.") from None
    return State(found.get("current"), servers)


def save_state(state: State, environ: Mapping[str, str] = os.environ) -> Path:
    """Replaces the file of logins, readable by its owner only; returns where it is."""
    directory = config_directory(environ)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [f"current = {_quoted(state.current)}\n"] if state.current else []
    for url, login in state.servers.items():
        lines.append(f"\n[servers.{_quoted(url)}]\ntoken = {_quoted(login.token)}\n")
        lines += [f"ca = {_quoted(str(login.ca))}\n"] if login.ca else []
    handle, name = tempfile.mkstemp(dir=directory)
    with os.fdopen(handle, "w") as stream:
        stream.writelines(lines)
    return Path(name).replace(directory / "config.toml")


def with_login(state: State, url: str, login: Login) -> State:
    """`state` with this login, which becomes the current one."""
    return replace(state, current=url, servers={**state.servers, url: login})


def without_login(state: State, url: str) -> State:
    """`state` without the login at `url`."""
    servers = {u: login for u, login in state.servers.items() if u != url}
    return State(state.current if state.current != url else next(iter(servers), None), servers)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
