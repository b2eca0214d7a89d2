"""What every model of the house must have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mainspring.bundle import read_config

MODELS = Path(__file__).parents[2] / "models"
ALL = sorted(path.parent for path in MODELS.glob("*/*/catalog.toml"))
PROJECTS = sorted(path.parent for path in MODELS.glob("mainspring/*/cog.yaml"))


def test_the_table_names_them_all() -> None:
    rows = re.findall(r"^\| \[([a-z0-9/.-]+)\]\(\1/\) ", (MODELS / "README.md").read_text(), re.MULTILINE)
    found = (each.parent.relative_to(MODELS).as_posix() for each in MODELS.glob("*/*/catalog.toml"))
    assert sorted(rows) == sorted(found)


@pytest.mark.parametrize("project", ALL, ids=lambda path: path.name)
def test_a_readme_says_what_it_takes(project: Path) -> None:
    text = (project / "README.md").read_text()
    if "no weights" in text:
        told = (r"Licence: ", r"any machine", r"MB of memory", r" in (about )?\d+ ms")
    else:
        rows = ("code", "weights", "hardware", r"download, disk[^|]*", r"(GPU )?memory[^|]*", r"(start, )?speed")
        told = tuple(rf"^\| {row} \| \S" for row in rows)
    for what in told:
        assert re.search(what, text, re.MULTILINE), f"{what} is not in it"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_project(project: Path) -> None:
    config = read_config(project)
    assert not config.warnings
    assert (project / "README.md").read_text().startswith(f"# {project.name}\n")
    given = json.loads((project / "example.json").read_text())["input"]
    source = (project / "predict.py").read_text()
    for name, value in given.items():
        assert re.search(rf"^\s+(self, )?{name}: ", source, re.MULTILINE) or f"(self, {name}: " in source
        if str(value).startswith("@"):
            assert (project / value[1:]).stat().st_size < 200_000
    if config.python_requirements:
        for line in (project / config.python_requirements).read_text().splitlines():
            assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line), f"{line} is no exact pin"
