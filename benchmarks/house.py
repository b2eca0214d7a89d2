"""One data directory with the measured models in it, and both ways to run them: by the platform and bare."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.connection import TOKEN, Broken, request
from benchmarks.processes import COMMAND, Process, clear_bare, coglet, plain_environ, platform
from benchmarks.projects import write_project

OWNER = "mainspring"


class House:
    """What all figures share. Each figure starts servers of its own on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"

    def push(self, names: Sequence[str]) -> None:
        """Build the projects once, as a user would."""
        with self.platform() as server:
            environ = plain_environ() | {
                "MAINSPRING_URL": f"http://127.0.0.1:{server.port}",
                "MAINSPRING_TOKEN": TOKEN,
            }
            for name in names:
                directory = write_project(name, self.root / "projects")
                command = [*COMMAND, "push", str(directory), f"{OWNER}/{name}"]
                done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)
                if done.returncode:
                    raise Broken(f"push of {name}: {done.stdout}{done.stderr}")

    def platform(self, data: Path | None = None, **settings: object) -> AbstractContextManager[Process]:
        """A server on the data directory, or on a copy of it."""
        unlimited = {"create_limit": 0, "call_limit": 0}
        return platform(
            data or self.data, {"idle_timeout_s": 600, "max_instances": 1, **unlimited, **settings}
        )

    def coglet(self, name: str, *, ready: bool = True) -> AbstractContextManager[Process]:
        """Bare coglet with a pushed model, from the environment and the source that the platform made."""
        with sqlite3.connect(f"file:{self.data}/ledger.sqlite?mode=ro", uri=True) as ledger:
            found = ledger.execute(
                "SELECT source, environment, predictor, slots FROM versions WHERE model = ?",
                (f"{OWNER}/{name}",),
            ).fetchone()
        source, environment, predictor, slots = found
        workdir = self.root / "bare" / name
        if not workdir.exists():
            shutil.copytree(self.data / "sources" / source, workdir)
            _make_writable(workdir)
        return coglet(self.data / "envs" / environment, workdir, predictor, slots, ready=ready)

    def coglet_version(self) -> str:
        """Of the coglet in the models' environment."""
        found = next((self.data / "envs").glob("*/lib/*/site-packages/coglet-*.dist-info"))
        return found.name.split("-")[1].removesuffix(".dist")

    def copy(self, name: str) -> Path:
        """A copy of the data directory, for while no server runs."""
        target = self.root / name
        target.mkdir(mode=0o700)
        for entry in self.data.iterdir():
            if entry.name in ("cache", "instances"):
                continue
            if entry.is_dir():
                shutil.copytree(entry, target / entry.name, symlinks=True, copy_function=_link)
            else:
                shutil.copy2(entry, target / entry.name)
        return target


@contextmanager
def house(names: Sequence[str]) -> Iterator[House]:
    """A house with these projects pushed; everything is removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="mainspring-bench-"))
    try:
        made = House(root)
        made.push(names)
        yield made
    finally:
        _make_writable(root)
        shutil.rmtree(root, ignore_errors=True)
        clear_bare()


def create(name: str, input_json: str, *headers: str) -> bytes:
    """The request for a prediction of a pushed model."""
    return request(
        "POST", f"/v1/models/{OWNER}/{name}/predictions", f'{{"input":{input_json}}}'.encode(), *headers
    )


def _link(source: str, target: str) -> None:
    os.link(source, target, follow_symlinks=False)


def _make_writable(root: Path) -> None:
    """Environments are read-only; their directories must not be so to be removed."""
    for directory, _, _ in os.walk(root):
        os.chmod(directory, os.stat(directory).st_mode | stat.S_IRWXU)
