"""Runs commands in a terminal and writes what was on its screen at the end as an SVG.

    .venv/bin/python docs/images/record.py docs/images/run.svg 'mainspring run mainspring/hello-world -i text=you'

The commands really run, against the server that the environment names.
"""

from __future__ import annotations

import os
import pty
import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 96
_REMOTE_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_CONTROL = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|([\r\n])")


def main(target: Path, commands: list[str]) -> None:
    """Write the picture of all commands, one under the other."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, highlight=False)
    for command in commands:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        for line in screen(output_of(command)):
            console.print(Text.from_ansi(line))
        console.print()
    picture = console.export_svg(title="mainspring", unique_id="mainspring")
    target.write_text(_REMOTE_FONT.sub("", picture))


def output_of(command: str) -> str:
    """All that the command wrote to its terminal. Raises SystemExit when it fails."""
    written: list[bytes] = []

    def read(terminal: int) -> bytes:
        data = os.read(terminal, 1 << 16)
        written.append(data)
        return data

    os.environ |= {"COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm-256color"}
    status = pty.spawn(["bash", "-c", command], read)
    if status:
        raise SystemExit(f"{command}: exit status {os.waitstatus_to_exitcode(status)}")
    return b"".join(written).decode()


def screen(output: str) -> list[str]:
    """The lines that stay, with their colours: progress that was drawn over is gone."""
    lines, row, at = [""], 0, 0
    for found in [*_CONTROL.finditer(output), None]:
        text = output[at : found.start() if found else len(output)]
        lines[row] += text
        if found is None:
            break
        at = found.end()
        if found[3] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif found[2] == "A":
            row = max(0, row - int(found[1] or 1))
        elif found[2] == "K" or (found[3] == "\r" and output[at : at + 1] not in ("\n", "")):
            lines[row] = ""
        elif found[2] == "m":
            lines[row] += found[0]
    while lines and not re.sub(r"\x1b\[[\d;]*m", "", lines[-1]).strip():
        lines.pop()
    return lines


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
