"""The programs of docs/examples, run as their user runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.server import Server
from tests.e2e.test_crash import call

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
MODELS = ROOT / "models"
WEIGHTS = ROOT / "tests" / "weights"


def program(server: Server, name: str, *arguments: object, **variables: str | None) -> list[str]:
    """Run one to its end with what `mainspring env` prints and `variables` (None: unset); the lines it printed."""
    environ = server.environ() | variables
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        env={name: value for name, value in environ.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + server.log.read_text()[-3000:]
    return done.stdout.splitlines()


def several(server: Server) -> list[str]:
    """What several.py has just printed, by the records: three answers, asked in this order, and the stream."""
    newest = call(server, "GET", "/v1/predictions")["results"][:4]
    ended = [call(server, "GET", f"/v1/predictions/{each['id']}") for each in newest]
    answers = {each["input"]["prompt"]: "".join(each["output"]) for each in ended}
    assert "".join(answers.values()), "nobody said anything"
    three = [answers[f"Tell me about {metal}."] for metal in ("copper", "iron", "gold")]
    return [*("- " + " ".join(answer.split()) for answer in three), *f"{answers['And tin?']}\n".splitlines()]


def add(server: Server, *arguments: str | Path) -> None:
    """`mainspring catalog add`, without its example unless arguments say so: the programs run what that would."""
    done = server.cli("catalog", "add", "--yes", "--no-example", *arguments, timeout_s=1800)
    assert done.returncode == 0, done.stdout + done.stderr + server.log.read_text()[-3000:]


class Kept:
    """Environments that outlive the tests' servers, by hard links; those of MAINSPRING_TEST_ENVIRONMENTS."""

    def __init__(self) -> None:
        named = os.environ.get("MAINSPRING_TEST_ENVIRONMENTS")
        self._root = Path(named) if named else None

    def lend(self, server: Server) -> None:
        """To a server that has started: at its start it removes what no version needs."""
        if self._root:
            _link(self._root, server.data)

    def take(self, server: Server) -> None:
        """What the server has built, too."""
        if self._root:
            _link(server.data, self._root)


def _link(source: Path, target: Path) -> None:
    for kind in ("envs", "locks"):
        (target / kind).mkdir(parents=True, exist_ok=True)
        for each in (source / kind).glob("[0-9a-f]*"):
            if not (to := target / kind / each.name).exists():
                aside = to.with_name(f".lent-{each.name}")
                if each.is_dir():
                    shutil.copytree(each, aside, symlinks=True, copy_function=os.link)
                else:
                    shutil.copy2(each, aside)
                aside.rename(to)
