"""`mainspring env`, read by a real shell and believed by real clients."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from mainspring.services.certificates import ensure_certificates

Cli = Callable[..., Result]
NAMES = [
    *("MAINSPRING_URL", "MAINSPRING_TOKEN", "REPLICATE_BASE_URL", "REPLICATE_API_TOKEN"),
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
]


@pytest.fixture
def data(home: Path) -> Path:
    directory = home / "it's data"
    ensure_certificates(directory, ["localhost", "127.0.0.1"])
    return directory


def in_shell(lines: str) -> dict[str, str]:
    """What a real shell has in its environment after `lines`."""
    clean = {k: v for k, v in os.environ.items() if k not in NAMES}
    done = subprocess.run(
        ["sh", "-ec", f"{lines}\nenv"], env=clean, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {name: found[name] for name in NAMES if name in found}


def test_a_shell_takes_every_line(cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSPRING_TOKEN", "ms_abc")
    found = in_shell(cli("env", "--data", str(data)).stdout)
    bundle, ca = str(data / "ca-bundle.pem"), str(data / "ca.pem")
    url = "https://127.0.0.1:8586"
    assert found == dict(zip(NAMES, [url, "ms_abc", url, "ms_abc", bundle, bundle, bundle, ca], strict=True))
    assert Path(bundle).read_text().startswith(Path(ca).read_text().strip())


def test_plain_lines_are_the_same_values(cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSPRING_TOKEN", "ms_abc")
    plain = cli("env", "--plain", "--data", str(data)).stdout
    assert dict(line.split("=", 1) for line in plain.splitlines()) == in_shell(
        cli("env", "--data", str(data)).stdout
    )


def test_an_authority_that_node_was_told_of_is_not_lost(
    cli: Cli, data: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = ensure_certificates(home / "theirs", ["localhost"]).ca_file
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(theirs))
    monkeypatch.setenv("SSL_CERT_FILE", str(theirs))
    named = Path(in_shell(cli("env", "--data", str(data)).stdout)["NODE_EXTRA_CA_CERTS"]).read_text()
    assert theirs.read_text() in named
    assert (data / "ca.pem").read_text() in named


def test_without_tls_no_authority_is_named(cli: Cli, data: Path) -> None:
    found = in_shell(cli("env", "--no-tls", "--data", str(data)).stdout)
    assert found == {"MAINSPRING_URL": "http://127.0.0.1:8585", "REPLICATE_BASE_URL": "http://127.0.0.1:8585"}


def test_the_listeners_are_those_of_the_settings(cli: Cli, data: Path, home: Path) -> None:
    (home / "settings.toml").write_text('host = "0.0.0.0"\ntls_port = 9443\n')
    given = ["--config", "settings.toml", "--data", str(data)]
    assert in_shell(cli("env", *given).stdout)["MAINSPRING_URL"] == "https://127.0.0.1:9443"


def test_without_a_token_it_says_how_to_get_one(cli: Cli, data: Path) -> None:
    done = cli("env", "--data", str(data))
    assert "mainspring token create" in done.stdout
    assert "MAINSPRING_TOKEN" not in in_shell(done.stdout)
    plain = cli("env", "--plain", "--data", str(data))
    assert "TOKEN" not in plain.stdout
    assert "mainspring token create" in plain.stderr


def test_without_an_authority_tls_can_not_be_asked_for(cli: Cli, home: Path) -> None:
    done = cli("env", "--tls", "--data", str(home))
    assert done.exit_code == 1
    assert "first start" in done.stderr
