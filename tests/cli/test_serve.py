"""`mainspring serve`: options become settings, and what is announced is printed to be copied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from mainspring import serving
from mainspring.serving import Announcement
from mainspring.settings import Settings

Cli = Callable[..., Result]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, home: Path) -> list[Settings]:
    """The settings that the platform was started with; it announces itself and ends with status 3."""
    calls: list[Settings] = []

    def serve(settings: Settings, *, announce: Callable[[Announcement], None]) -> int:
        calls.append(settings)
        ca = home / "my data" / "ca.pem"
        announce(
            Announcement(
                "http://h:1",
                "http://h:1/login?code=c",
                "http://h:1/v1",
                "https://h:2/v1",
                ca,
                "ms_first",
                settings.account,
            )
        )
        return 3

    monkeypatch.setattr(serving, "serve", serve)
    return calls


def test_options_win_over_the_environment_and_the_file(
    started: list[Settings], cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "settings.toml").write_text('port = 1\ntls_port = 2\naccount = "ada"\nbundled = "/first"\n')
    (home / "project").mkdir()
    monkeypatch.setenv("MAINSPRING_TLS_PORT", "3")
    given = ["--config", "settings.toml", "--port", "4", "--durable", "--data", "d", "--push", "project"]
    assert cli("serve", *given).exit_code == 3
    [settings] = started
    assert (settings.port, settings.tls_port, settings.account) == (4, 3, "ada")
    assert (settings.durable, settings.data) == (True, home.resolve() / "d")
    assert settings.bundled == f"/first:{home.resolve() / 'project'}"


def test_what_is_announced_can_be_copied(started: list[Settings], cli: Cli, home: Path) -> None:
    shown = cli("serve").stdout
    assert "http://h:1/v1" in shown
    assert "https://h:2/v1" in shown
    assert "export MAINSPRING_TOKEN=ms_first" in shown
    assert f" env --data '{home.resolve() / 'my data'}')\"" in shown


def test_a_setting_that_can_not_be_is_told(started: list[Settings], cli: Cli, home: Path) -> None:
    (home / "settings.toml").write_text("prot = 1\n")
    done = cli("serve", "--config", "settings.toml")
    assert (done.exit_code, started) == (1, [])
    assert "no such setting: prot" in done.stderr
