"""The help: every command tells of itself, of each option, and shows an example."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import Result

from mainspring.cli.app import app

Cli = Callable[..., Result]


def commands(found: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the tree: the words that call it, and what it is."""
    found = found or typer.main.get_command(app)
    inner = getattr(found, "commands", {})
    if not inner:
        yield path, found
    for name, command in inner.items():
        yield from commands(command, (*path, name))


COMMANDS = dict(commands())


def test_the_commands_are_these() -> None:
    top = {
        "account",
        "audit",
        "org",
        "serve",
        "run",
        "train",
        "push",
        "login",
        "logout",
        "whoami",
        "env",
        "doctor",
        "token",
        "model",
        "deployment",
        "collection",
        "webhook",
        "catalog",
        "alias",
        "cache",
        "limit",
        "usage",
    }
    assert {words[0] for words in COMMANDS} == top


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_tells_of_every_option(cli: Cli, words: tuple[str, ...]) -> None:
    shown = cli(*words, "--help").stdout
    for parameter in COMMANDS[words].params:
        assert parameter.help, parameter.name
        for option in (*parameter.opts, *parameter.secondary_opts):
            assert not option.startswith("-") or option in shown
    example = shown.partition("Examples")[2].split("╭")[0]
    assert f"mainspring {' '.join(words)}" in example


def test_the_help_is_quick_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mainspring.cli.app import app\n"
        "print(sorted({'httpx', 'uvicorn', 'starlette', 'cryptography', 'aiohttp', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_server_that_is_not_there_is_told_with_what_to_do(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSPRING_URL", "http://127.0.0.1:9")
    for words in (["whoami"], ["model", "list"], ["run", "a/b"], ["token", "list"]):
        done = cli(*words)
        assert done.exit_code == 1
        assert "Nothing answers at http://127.0.0.1:9" in done.stderr
        assert "mainspring serve" in done.stderr
