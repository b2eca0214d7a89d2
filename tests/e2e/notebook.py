"""The notebook of the documentation, executed by a kernel of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.e2e.examples import ROOT
from tests.e2e.server import MAINSPRING, Server

NOTEBOOK = ROOT / "docs" / "notebooks" / "first-hour.ipynb"
_QUICKER = {"PIXELS = 1024": "PIXELS = 64", "SECONDS, TIMES = 30, 3": "SECONDS, TIMES = 0.3, 3"}


def executed(server: Server, folder: Path) -> str:
    """All that the cells gave, one after the other; images as their kind. Raises as soon as a cell does."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        for slow, quick in _QUICKER.items():
            cell.source = cell.source.replace(slow, quick)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3")
    client.execute(cwd=str(_laid(folder)), env=_environ(server, folder))
    return "\n".join(_text(output) for cell in notebook.cells for output in cell.get("outputs", []))


def _laid(folder: Path) -> Path:
    """A place for what it writes, with the repository's models beside it."""
    place = folder / "docs" / "notebooks"
    place.mkdir(parents=True)
    (folder / "models").symlink_to(ROOT / "models")
    return place


def _environ(server: Server, folder: Path) -> dict[str, str]:
    commands = folder / "bin"
    commands.mkdir()
    (commands / "mainspring").write_text(f'#!/bin/sh\nexec {MAINSPRING[0]} -c "{MAINSPRING[2]}" "$@"\n')
    (commands / "mainspring").chmod(0o755)
    settled = server.environ() | {"IPYTHONDIR": str(folder / "ipython")}
    return settled | {"PATH": f"{commands}:{os.environ['PATH']}", "SHELL": shutil.which("sh") or "/bin/sh"}


def _text(output: nbformat.NotebookNode) -> str:
    if output.output_type == "stream":
        return str(output.text)
    data = output.get("data", {})
    return " ".join([*(kind for kind in data if kind.startswith("image/")), str(data.get("text/plain", ""))])
