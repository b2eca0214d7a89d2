"""The README's calls do what they say, with nothing set but what `mainspring env` prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Snippet, snippets
from tests.e2e.server import MAINSPRING, TOKEN, Server

MODEL = "mainspring/hello-world"
NODE_MODULES = Path(__file__).parent / "clients"
PYTHON2 = ROOT / ".venv-replicate2" / "bin" / "python"


def calls(*languages: str) -> list[Snippet]:
    """The README's blocks that call the smallest model."""
    return [s for s in snippets(*languages) if s.page == ROOT / "README.md" and MODEL in s.text]


@pytest.fixture(scope="module")
def environ(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A user's shell: the variables that `mainspring env` prints, and `mainspring` on the path."""
    server.push(ROOT / "models" / "mainspring" / "hello-world", MODEL)
    commands = tmp_path_factory.mktemp("bin")
    (commands / "mainspring").write_text(f'#!/bin/sh\nexec {MAINSPRING[0]} -c "{MAINSPRING[2]}" "$@"\n')
    (commands / "mainspring").chmod(0o755)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAINSPRING_", "REPLICATE_"))}
    clean |= {"PATH": f"{commands}:{os.environ['PATH']}", "MAINSPRING_TOKEN": TOKEN}
    clean |= {"MAINSPRING_PORT": str(server.port), "MAINSPRING_TLS_PORT": str(server.tls_port)}
    command = ["mainspring", "env", "--plain", "--data", str(server.data)]
    printed = subprocess.run(command, env=clean, capture_output=True, text=True, check=True).stdout
    return clean | dict(line.split("=", 1) for line in printed.splitlines())


def test_there_is_a_call_for_each_client() -> None:
    assert len(calls("python")) == 2
    assert len(calls("js")) == 1
    assert len(calls("bash")) == 2


@pytest.mark.parametrize("interpreter", [Path(sys.executable), PYTHON2], ids=["1", "2"])
def test_python(environ: dict[str, str], interpreter: Path) -> None:
    snippet = calls("python")[interpreter == PYTHON2]
    assert said([str(interpreter), "-"], snippet.text, environ) == "hello you\n"


def test_javascript(environ: dict[str, str]) -> None:
    (snippet,) = calls("js")
    assert said(["node", "--input-type=module", "-"], snippet.text, environ, NODE_MODULES) == "hello you\n"


def test_the_shell(environ: dict[str, str]) -> None:
    curl, run = calls("bash")
    assert '"output":"hello you"' in said(["bash", "-eu"], curl.text, environ)
    assert said(["bash", "-eu"], run.text, environ) == "hello you\n"


def said(command: list[str], text: str, environ: dict[str, str], cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, input=text, env=environ, cwd=cwd, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_model_of_ones_own(environ: dict[str, str], tmp_path: Path) -> None:
    (snippet,) = [
        s for s in snippets("bash") if s.page == ROOT / "README.md" and "mainspring push shout" in s.text
    ]
    assert said(["bash", "-eu"], snippet.text, environ, tmp_path).endswith("IT WORKS!\n")
