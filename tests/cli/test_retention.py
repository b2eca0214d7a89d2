"""How long data is kept, as an operator sets it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from server_double import Double
from typer.testing import Result

Cli = Callable[..., Result]


@pytest.mark.parametrize(("said", "asked"), [("24h", "24h"), ("off", "off"), ("default", None)])
def test_it_is_set_for_a_model_and_for_the_account(
    cli: Cli, server: Double, said: str, asked: str | None
) -> None:
    assert cli("model", "set", "acme/hello", "--retention", said).exit_code == 0
    done = cli("account", "set", "--retention", said)
    assert (done.exit_code, f"retention is now {said}" in done.output) == (0, True)
    assert server.changed == [
        ("PATCH", "/v1/models/acme/hello", {"retention": asked}),
        ("PATCH", "/v1/account", {"retention": asked}),
    ]


def test_what_is_no_time_is_refused_before_anything_is_asked(cli: Cli, server: Double) -> None:
    for command in (("model", "set", "acme/hello"), ("account", "set")):
        done = cli(*command, "--retention", "soon")
        assert (done.exit_code, "off, or default" in done.output) == (1, True)
    assert server.changed == []


def test_the_account_is_shown(cli: Cli, server: Double) -> None:
    assert cli("account", "show").stdout.split() == [
        *("ada", "type", "user", "name", "ada", "retention", "2h")
    ]
