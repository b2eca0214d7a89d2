"""Reads what coglet writes to stderr, and keeps what the model's author wrote."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

KEPT_BYTES = 64 * 1024
_USER_TARGETS = ("coglet::setup", "coglet::user")
# coglet strips the indentation that a traceback begins its lines with.
_FRAME = re.compile(r'File ".+", line \d+')
_COG_WARNING = re.compile(r"<string>:\d+: DeprecationWarning: ")


class _Fields(msgspec.Struct):
    message: str = ""


class _Line(msgspec.Struct):
    target: str = ""
    level: str = ""
    fields: _Fields = msgspec.field(default_factory=_Fields)


_decoder = msgspec.json.Decoder(_Line)


def read_newest(path: Path, size: int = 4 * KEPT_BYTES) -> bytes:
    """The last bytes of a log file, from the start of a line on; empty if it is gone."""
    try:
        with path.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - size)
            file.seek(start)
            return file.read() if not start else file.read().partition(b"\n")[2]
    except OSError:
        return b""


def of_the_author(raw: bytes) -> str:
    """Lines that user code printed outside predictions, and any line that isn't coglet's; newest 64 kB."""
    lines = (_text(line) for line in raw.splitlines())
    text = "".join(f"{line}\n" for line in lines if line is not None)
    return text if len(text) <= KEPT_BYTES else text[-KEPT_BYTES:].partition("\n")[2]


def _text(line: bytes) -> str | None:
    try:
        parsed = _decoder.decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return line.decode(errors="replace") or None
    if not parsed.target.startswith("coglet"):
        return line.decode(errors="replace")
    if parsed.target not in _USER_TARGETS or _COG_WARNING.match(parsed.fields.message):
        return None
    return "  " + parsed.fields.message if _FRAME.match(parsed.fields.message) else parsed.fields.message
