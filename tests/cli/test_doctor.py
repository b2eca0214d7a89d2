"""`mainspring doctor` on this machine, as it is and with something wrong."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_double import Double
from typer.testing import Result

Cli = Callable[..., Result]


@pytest.fixture
def settings(home: Path) -> Iterator[Path]:
    """A file of settings with two ports that are free."""
    with socket.socket() as one, socket.socket() as two:
        for listener in (one, two):
            listener.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], two.getsockname()[1]
    file = home / "settings.toml"
    file.write_text(f"port = {ports[0]}\ntls_port = {ports[1]}\ninstance_memory = 1\n")
    return file


def findings(done: Result) -> dict[str, list[str]]:
    """name → [state, found, fix]"""
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {name: [state, found, fix] for state, name, found, fix in rows}


def test_a_machine_that_can_do_all(server: Double, cli: Cli, settings: Path) -> None:
    done = cli("doctor", "--plain", "--config", str(settings))
    found = findings(done)
    assert done.exit_code == 0, done.stdout
    assert {"Pythons", "uv", "Processor", "Memory", "GPUs", "Isolation", "HTTP port", "Server"} <= set(found)
    assert found["Server"] == ["ok", f"{server.url} answers, as ada", ""]
    assert "3.1" in found["Pythons"][1]
    table = cli("doctor", "--config", str(settings)).stdout
    assert "✓ Server" in " ".join(table.split())


def test_a_port_that_another_holds_is_bad_and_says_which_option(cli: Cli, settings: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings.write_text(f"{settings.read_text()}".replace("tls_port", f"#\ntls_port = {port} #"))
        done = cli("doctor", "--plain", "--config", str(settings))
    found = findings(done)
    assert done.exit_code == 1
    assert found["HTTPS port"][0] == "bad"
    assert "--tls-port" in found["HTTPS port"][2]
    assert found["HTTP port"][0] == "ok"


def test_data_that_can_not_be_written_is_bad(cli: Cli, settings: Path, home: Path) -> None:
    (home / "file").write_text("")
    done = cli("doctor", "--plain", "--config", str(settings), "--data", "file/data")
    assert done.exit_code == 1
    assert findings(done)["Data in file/data"][0] == "bad"


def test_no_server_and_a_wrong_token_are_warnings_with_a_fix(
    server: Double, cli: Cli, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSPRING_TOKEN", "ms_wrong")
    done = cli("doctor", "--plain", "--config", str(settings))
    assert findings(done)["Server"][0] == "warn"
    assert "mainspring login" in findings(done)["Server"][2]
    assert "ms_wrong" not in done.output
    monkeypatch.setenv("MAINSPRING_URL", "http://127.0.0.1:9")
    done = cli("doctor", "--plain", "--config", str(settings))
    assert done.exit_code == 0
    assert "mainspring serve" in findings(done)["Server"][2]


def test_uv_that_is_missing_is_bad(
    cli: Cli, settings: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    import uv

    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(uv, "find_uv_bin", missing)
    monkeypatch.setenv("PATH", str(home))
    found = findings(cli("doctor", "--plain", "--config", str(settings)))
    assert found["uv"][0] == "bad"
    assert found["git"][0] == "warn"


def test_each_gpu_is_told_with_what_is_on_it(server: Double, cli: Cli, settings: Path) -> None:
    settings.write_text(f'{settings.read_text()}gpus = "2x24"\n')
    room = {"reserved": 8 << 30, "used": 6 << 30}
    server.instances.append({"model": "acme/hello", "state": "ready", "devices": [1], "gpu_memory": room})
    found = findings(cli("doctor", "--plain", "--config", str(settings)))
    assert found["GPUs"][1] == "simulated, nothing can run on them; 2 with 48 GiB in all"
    assert found["GPU 0"][1] == "Simulated GPU, 0.0 of 24.0 GiB used"
    assert found["GPU 1"][1] == "Simulated GPU, 0.0 of 24.0 GiB used, acme/hello ready 6.0 GiB"


def test_a_wrong_word_for_gpus_is_bad(cli: Cli, settings: Path) -> None:
    settings.write_text(f'{settings.read_text()}gpus = "some"\n')
    found = findings(cli("doctor", "--plain", "--config", str(settings)))
    assert (found["GPUs"][0], found["GPUs"][2]) == ("bad", "set gpus to auto")
