"""Calls of the API for commands. The client, slow to import, comes with the first call: --help needs none."""

from __future__ import annotations

from typing import Any


def call(method: str, path: str, **options: Any) -> Any:
    """The decoded JSON reply, None when it is empty. Raises CliError."""
    from mainspring.cli.client import ask

    return ask(lambda client: client.call(method, path, **options))


def pages(path: str, limit: int = 1000) -> list[Any]:
    """The results of a list, page by page, at most about `limit`. Raises CliError."""
    from mainspring.cli.client import ask

    return ask(lambda client: client.pages(path, limit))


def quoted(text: str) -> str:
    """A word as a part of a path."""
    from urllib.parse import quote

    return quote(text, safe="")
