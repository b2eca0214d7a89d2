"""How a running prediction looks on the terminal: a line that moves, its logs, its text."""

from __future__ import annotations

import re
import sys
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from mainspring.cli.terminal import printable, result, stderr_console

_TQDM = re.compile(r"^\s*(?:[^|%\d][^|%]*:)?\s*(\d+)%\s*\|[^|]*\|\s*(\d+)/(\d+)")
_WORDS = {"starting": "starting: waiting for an instance", "processing": "processing"}


def read_progress(line: str) -> int | None:
    """The percentage in a line that tqdm wrote, else None."""
    found = _TQDM.match(line)
    return int(found[1]) if found else None


def split_log(text: str) -> list[str]:
    """The lines of a log; what was written over the line before, with a carriage return, is a line of its own."""
    lines = re.split(r"\n?\r\n?|\n", text.removeprefix("\r"))
    return lines if lines[-1] else lines[:-1]


def moving_line(console: Console, what: str = "") -> Progress | None:
    """A line on a terminal that says what goes on and for how long, begun; None when it is no terminal."""
    if not console.is_terminal:
        return None
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn())
    live = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
    live.add_task(what, total=None)
    live.start()
    return live


class Screen:
    """Shows a prediction: progress and logs on stderr, its text on stdout as it comes.

    When stderr is no terminal, only the logs are written there. While a text runs into a terminal, logs wait.
    """

    def __init__(self) -> None:
        self.shown_text = ""
        self.line_open = False
        self._console = stderr_console()
        self._logged = 0
        self._live: Progress | None = None

    def __enter__(self) -> Self:
        self._live = moving_line(self._console, "starting")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def update(self, prediction: dict[str, Any]) -> None:
        """The prediction as it is now."""
        status, logs = prediction["status"], prediction.get("logs") or ""
        ended = status not in _WORDS
        if self._live:
            self._live.update(self._live.task_ids[0], description=_WORDS.get(status, status))
        if ended or not (self.shown_text and sys.stdout.isatty()):
            self._log(logs, ended)

    def text(self, chunk: str) -> None:
        """The next piece of the output, which is one text."""
        if sys.stdout.isatty():
            self._stop()
        self.shown_text += chunk
        self.line_open = not self.shown_text.endswith("\n")
        result(chunk, newline=False)

    def _log(self, logs: str, ended: bool) -> None:
        if len(logs) < self._logged:
            self._logged = 0  # started again: its logs begin anew
        end = len(logs) if ended else logs.rfind("\n") + 1
        lines = split_log(logs[self._logged : end])
        if lines and self.line_open and sys.stdout.isatty():
            result("")
            self.line_open = False
        for line in lines:
            percent = read_progress(line)
            if percent is not None and self._live:
                self._live.update(self._live.task_ids[0], total=100, completed=percent)
            elif percent is None or not self._console.is_terminal:
                self._console.print(printable(line), style="dim", soft_wrap=True)
        self._logged = max(self._logged, end)

    def _stop(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None
