"""`python -m benchmarks [--only NAME] [--json FILE]`: measure, print. A missed target is reported, not a failure."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import msgspec

from benchmarks import (
    cached_answer,
    cold_boot,
    footprint,
    ledger,
    streaming,
    sync_prediction,
    throughput,
    webhooks,
)
from benchmarks.house import house
from benchmarks.measures import Line
from benchmarks.report import machine, machine_line, table

_FIGURES = {
    f.NAME: f
    for f in (sync_prediction, cached_answer, throughput, webhooks, streaming, cold_boot, footprint, ledger)
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the figures that are asked for, all of them by default."""
    asked = _arguments(arguments)
    signal.signal(signal.SIGTERM, _interrupted)
    names = asked.only or list(_FIGURES)
    projects = dict.fromkeys(project for name in names for project in _FIGURES[name].PROJECTS)
    lines: list[Line] = []
    broken: list[str] = []
    _tell(f"pushing {', '.join(projects)}")
    with house(list(projects)) as made:
        facts = machine(made.coglet_version())
        for name in names:
            _tell(f"measuring {name}")
            try:
                lines += _FIGURES[name].measure(made)
            except Exception:
                traceback.print_exc()
                broken.append(name)
    print(f"{machine_line(facts)}\n\n{table(lines)}")
    if asked.json:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": facts, "figures": lines})))
    if broken:
        sys.exit(f"not measured: {', '.join(broken)}")


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against bare coglet.")
    parser.add_argument("--only", action="append", choices=_FIGURES, help="a figure; may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args(given)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    sys.exit(1)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
