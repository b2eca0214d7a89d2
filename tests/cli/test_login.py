"""Where commands find their server and token: login, environment, and what is told when neither works."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from server_double import TOKEN, Double
from typer.testing import Result

Cli = Callable[..., Result]


@pytest.fixture
def alone(server: Double, monkeypatch: pytest.MonkeyPatch) -> Double:
    """The server, with nothing in the environment that points to it."""
    monkeypatch.delenv("MAINSPRING_URL")
    monkeypatch.delenv("MAINSPRING_TOKEN")
    return server


def test_a_login_is_kept_private_and_used_until_logout(alone: Double, cli: Cli, tmp_path: Path) -> None:
    done = cli("login", f"{alone.url}/v1/", "--token-stdin", stdin=f"{TOKEN}\n")
    assert done.exit_code == 0, done.output
    assert TOKEN not in done.output
    file = tmp_path / "config" / "mainspring" / "config.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert cli("whoami").stdout == f"ada at {alone.url}\n"
    assert cli("logout").exit_code == 0
    assert TOKEN not in file.read_text()
    assert "Nothing answers at http://127.0.0.1:8585" in cli("whoami").stderr


def test_a_wrong_token_is_not_saved(alone: Double, cli: Cli, tmp_path: Path) -> None:
    done = cli("login", alone.url, "--token-stdin", stdin="ms_wrong\n")
    assert done.exit_code == 1
    assert "valid authentication token" in done.stderr
    assert "ms_wrong" not in done.output
    assert not (tmp_path / "config").exists()


def test_a_saved_token_stays_with_its_server(
    alone: Double, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("login", alone.url, "--token-stdin", stdin=f"{TOKEN}\n")
    monkeypatch.setenv("MAINSPRING_URL", alone.url.replace("127.0.0.1", "localhost"))
    done = cli("whoami")
    assert done.exit_code == 1
    assert "mainspring login" in done.stderr


def test_the_environment_wins_over_the_login(
    alone: Double, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("login", alone.url, "--token-stdin", stdin=f"{TOKEN}\n")
    monkeypatch.setenv("MAINSPRING_TOKEN", "ms_other")
    assert cli("whoami").exit_code == 1


@pytest.mark.parametrize("url", ["box:8585", "ftp://box", "http://"])
def test_what_is_no_url_is_told(cli: Cli, url: str) -> None:
    done = cli("login", url, "--token-stdin", stdin="x\n")
    assert done.exit_code == 1
    assert "not an http or https URL" in done.stderr


def test_tokens_are_listed_made_and_disabled(server: Double, cli: Cli) -> None:
    listed = cli("token", "list").stdout
    assert "ms_ab…wxyz" in listed
    assert "2026-11-21 05:06" in listed
    assert json.loads(cli("token", "list", "--json").stdout)[0]["id"] == "t1"
    made = cli("token", "create", "laptop")
    assert made.stdout == "ms_new\n"
    assert "ms_new" not in made.stderr
    assert cli("token", "disable", "t1").exit_code == 0
    assert server.changed == [("DELETE", "/v1/tokens/t1", None)]


def test_models_are_listed_over_all_pages_shown_and_set(server: Double, cli: Cli) -> None:
    server.models = [{**server.described(), "name": f"m{n}"} for n in range(5)]
    assert [m["name"] for m in json.loads(cli("model", "list", "--json").stdout)] == [
        "m0",
        "m1",
        "m2",
        "m3",
        "m4",
    ]
    assert "acme/m4" in cli("model", "list").stdout
    shown = cli("model", "show", "acme/hello").stdout
    assert "prompt         text; required" in shown
    assert "mainspring run acme/hello -i prompt=..." in shown
    done = cli("model", "set", "acme/hello", "--min-instances", "0", "--visibility", "public")
    assert done.exit_code == 0
    assert server.changed == [
        ("PATCH", "/v1/models/acme/hello", {"visibility": "public", "scaling": {"min_instances": 0}})
    ]
    done = cli("model", "set", "acme/hello", "--gpu-memory", "12GB", "--gpus", "2", "--memory", "0")
    assert done.exit_code == 0
    taken = {"memory": 0, "gpu_memory": 12_000_000_000, "gpus": 2}
    assert server.changed[1:] == [("PATCH", "/v1/models/acme/hello", {"resources": taken})]
    assert cli("model", "set", "acme/hello", "--memory", "much").exit_code == 2
    assert cli("model", "set", "acme/hello").exit_code == 1
    assert cli("model", "set", "acme/hello", "--visibility", "secret").exit_code == 1
