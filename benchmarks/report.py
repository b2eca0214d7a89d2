"""What is printed and written: the machine, and a row for each figure."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measures import Line, Spread, Target

_HEAD = ("figure", "platform", "bare or few", "compared", "target", "met?")


def machine(cog_version: str) -> dict[str, Any]:
    """What the figures were measured on and with. memory in GB; load is the average of the minute before."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gb": round(memory / 1e9, 1),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "mainspring": version("mainspring"),
        "coglet": cog_version,
        "uvicorn": version("uvicorn"),
        "sqlite": sqlite3.sqlite_version,
    }


def machine_line(facts: dict[str, Any]) -> str:
    """The same for people."""
    return (
        "{cores} cores ({processor}), {memory_gb} GB, load {load}, {system}; Python {python},"
        " mainspring {mainspring}, coglet {coglet}, uvicorn {uvicorn}, SQLite {sqlite}"
    ).format(**facts)


def table(lines: Sequence[Line]) -> str:
    """Medians of rounds, with the lowest and highest round in brackets."""
    rows = [_HEAD, *map(_row, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _row(line: Line) -> tuple[str, ...]:
    compared = "" if line.score is line.measured else _spread(line.score, line.score_unit)
    return (
        line.name,
        _spread(line.measured, line.unit),
        _spread(line.bare, line.unit) if line.bare else "",
        compared,
        _target(line.target, line.score_unit) if line.target else "",
        "" if line.met is None else "yes" if line.met else "NO",
    )


def _spread(spread: Spread, unit: str) -> str:
    return f"{_number(spread.median)} {unit} ({_number(spread.low)} - {_number(spread.high)})"


def _target(target: Target, unit: str) -> str:
    return f"{target.sign} {_number(target.value)} {unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
