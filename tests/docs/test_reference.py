"""The reference says what the code says, all of it and nothing else."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import typer
from starlette.routing import BaseRoute, Mount, Route

from mainspring.api.app import create_app
from mainspring.api.context import Context
from mainspring.cli.app import app as commands
from mainspring.core import errors
from mainspring.core.hardware import DEFAULT
from mainspring.settings import plain_settings
from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"


def test_generated_pages_are_current() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
    for path, text in made.items():
        assert Path(path).read_text() == text, f"{path}: run .venv/bin/python docs/generate.py"


def test_every_setting_is_there_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \| `(MAINSPRING_\w+)`", _read("settings.md"), re.MULTILINE)
    said = {name: (default, variable) for name, default, variable in rows}
    known = {f.name: (_shown(f.default), f"MAINSPRING_{f.name.upper()}") for f in plain_settings()}
    assert said == known


def test_every_sku_is_there_with_its_price() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \| (\d) \| ([\d.]+) \|", _read("settings.md"), re.MULTILINE)
    assert [(r[0], r[1], int(r[2]), Decimal(r[3])) for r in rows] == [
        (one.sku, one.name, one.gpus, one.list_price) for one in DEFAULT
    ]


def test_every_command_and_option_is_there() -> None:
    sections = dict(
        re.findall(r"^## (mainspring[^\n]*)\n(.*?)(?=^## |\Z)", _read("cli.md"), re.MULTILINE | re.DOTALL)
    )
    known = dict(_options("mainspring", typer.main.get_command(commands)))
    assert sections.keys() == known.keys()
    for name, options in known.items():
        assert set(re.findall(r"`(--?[a-z][a-z-]*)", sections[name])) >= options, name


def test_every_route_is_there_and_no_other() -> None:
    said = re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \|", _read("api.md"), re.MULTILINE)
    assert len(said) == len(set(said))
    application: Any = create_app(cast("Context", None))
    assert set(said) == set(_routes(application._app._app.routes, ""))


def test_every_status_is_there() -> None:
    said = {int(status) for status in re.findall(r"^\| (\d{3}) \|", _read("errors.md"), re.MULTILINE)}
    known = {kind.status for kind in errors.ApiError.__subclasses__()} | {errors.ApiError.status}
    assert known <= said
    assert said - known == {405}


def _read(name: str) -> str:
    return (REFERENCE / name).read_text()


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _options(name: str, command: Any) -> Iterator[tuple[str, set[str]]]:
    inner = getattr(command, "commands", None)
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("-")}
    if inner is None or options:
        yield name, options
    for each, found in (inner or {}).items():
        yield from _options(f"{name} {each}", found)


def _routes(routes: list[BaseRoute], above: str) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _routes(list(route.routes), above + route.path)
        elif isinstance(route, Route):
            path = re.sub(r"\{(\w+):\w+\}", r"{\1}", above + route.path)
            yield from ((method, path) for method in route.methods or () if method != "HEAD")


def test_the_readme_says_which_models_come_with_which_recipe() -> None:
    said = dict(
        re.findall(r"^\| \[`([\w-]+)`\].*\| `make (\w+)` \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    lists = dict(re.findall(r"^(LIGHT|HEAVY) := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    light, heavy = (
        dict.fromkeys(lists[key].split(), recipe) for key, recipe in (("LIGHT", "run"), ("HEAVY", "models"))
    )
    assert said == light | heavy
    assert said.keys() <= {path.parent.name for path in (ROOT / "models" / "mainspring").glob("*/cog.yaml")}
