"""`mainspring push`: what is sent, what is shown, what is told at the end."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from server_double import TEXT, VERSION, Double, schema
from typer.testing import Result

Cli = Callable[..., Result]
END = {
    "event": "version",
    "id": VERSION,
    "created": True,
    "model": "acme/hello",
    "url": "http://x/acme/hello",
}


@pytest.fixture
def project(home: Path) -> Path:
    directory = home / "project"
    directory.mkdir()
    (directory / "cog.yaml").write_text("run: run.py:run\n")
    (directory / "run.py").write_text("def run() -> str:\n    return ''\n")
    return directory


def test_a_project_is_packed_and_its_version_told(server: Double, cli: Cli, project: Path) -> None:
    server.document = schema({"prompt": TEXT, "n": {"type": "integer"}}, TEXT, required=("prompt", "n"))
    server.push_lines = [{"event": "progress", "message": "resolving\u2028packages"}, END]
    done = cli("push", "project", "acme/hello", "--public", "--min-instances", "1", "--idle-timeout", "90")
    assert (done.exit_code, done.stdout) == (0, f"acme/hello:{VERSION}\n"), done.output
    [(query, content, kind)] = server.pushed
    assert query == {"visibility": "public", "min_instances": "1", "idle_timeout": "90.0"}
    assert kind == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        assert sorted(archive.getnames()) == ["cog.yaml", "run.py"]
    assert "resolving" in done.stderr
    assert "mainspring run acme/hello -i prompt=... -i n=1" in done.stderr
    assert f'replicate.run("acme/hello:{VERSION}", input={{"prompt": \'...\', "n": 1}})' in done.stderr


def test_the_directory_is_here_unless_it_is_named(
    server: Double, cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.push_lines = [{**END, "created": False}]
    assert "no cog.yaml" in cli("push", "acme/hello").stderr
    monkeypatch.chdir(project)
    done = cli("push", "acme/hello")
    assert done.exit_code == 0
    assert f"Already there: acme/hello:{VERSION}" in done.stderr


def test_a_failed_build_shows_why(server: Double, cli: Cli, project: Path) -> None:
    server.push_lines = [{"event": "error", "detail": "cog.yaml, line 3: no such key\n  fix it"}]
    done = cli("push", "project", "acme/hello")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "cog.yaml, line 3: no such key\n" in done.stderr


def test_a_build_whose_connection_ends_is_no_success(server: Double, cli: Cli, project: Path) -> None:
    server.push_lines = [{"event": "progress", "message": "resolving"}]
    done = cli("push", "project", "acme/hello")
    assert done.exit_code == 1
    assert "ended before the build did" in done.stderr


def test_a_refused_push_shows_the_problem(server: Double, cli: Cli, project: Path) -> None:
    server.refusal = (403, {"detail": "You do not have permission to perform this action.", "status": 403})
    done = cli("push", "project", "other/hello")
    assert done.exit_code == 1
    assert "You do not have permission" in done.stderr


def test_a_wrong_token_is_told_before_anything_is_sent(
    server: Double, cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSPRING_TOKEN", "ms_wrong")
    done = cli("push", "project", "acme/hello")
    assert done.exit_code == 1
    assert "valid authentication token" in done.stderr
    assert "ms_wrong" not in done.output
    assert server.pushed == []
