"""Files on their way in and out of a prediction, by name instead of by base64.

A path `P` under MAINSPRING_INBOX comes in as `mainspring-file://P`; a file that goes out is copied to
MAINSPRING_OUTBOX/<random>/<name> and leaves as `mainspring-output://<random>/<name>`.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import io
import os
import re
import secrets
import shutil
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

INCOMING = "mainspring-file://"
OUTGOING = "mainspring-output://"


def file_arguments(function: Callable[..., Any]) -> dict[str, bool]:
    """The arguments that take files; True where they are to be open files (cog.File), False where paths."""
    try:
        hints = typing.get_type_hints(function)
    except Exception:
        return {}
    kinds = {name: _file_kind(hint) for name, hint in hints.items() if name != "return"}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _file_kind(hint: Any) -> bool | None:
    from cog import File

    if hint is File:
        return True
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        return False if issubclass(hint, os.PathLike) else None
    for inner in typing.get_args(hint):
        kind = _file_kind(inner)
        if kind is not None:
            return kind
    return None


def take_in(value: Any, opened: bool) -> Any:
    """An argument's value with each incoming name turned into a cog.Path, or into an open file."""
    if isinstance(value, list):
        return [take_in(each, opened) for each in value]
    if not isinstance(value, str) or not value.startswith(INCOMING):
        return value
    path = os.path.realpath(value[len(INCOMING) :])
    inbox = os.path.realpath(os.environ.get("MAINSPRING_INBOX") or os.devnull)
    if os.path.commonpath([path, inbox]) != inbox:
        raise ValueError("An input names a file that was not handed in.")
    return as_file(path, opened)


def as_file(path: Any, opened: bool) -> Any:
    """A path that came as text as a cog.Path, or as an open file; anything else as it is."""
    if not isinstance(path, str):
        return path
    from cog import Path

    return open(path, "rb") if opened else Path(path)


def give_out(value: Any) -> Any:
    """An output as plain JSON-like data, its files copied to the outbox; unchanged without an outbox.

    Raises FileNotFoundError for a path that is no file.
    """
    outbox = os.environ.get("MAINSPRING_OUTBOX")
    return _plain(value, outbox) if outbox else value


def _plain(value: Any, outbox: str) -> Any:
    if value is None or (isinstance(value, (str, int, float, type)) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, os.PathLike):
        return _copy(value, outbox)
    if isinstance(value, io.IOBase) or (hasattr(value, "read") and hasattr(value, "fileno")):
        return _drain(value, outbox)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return _nested(value, outbox)


def _nested(value: Any, outbox: str) -> Any:
    fields = _fields(value)
    if fields is not None:
        return {key: _plain(each, outbox) for key, each in fields.items()}
    if isinstance(value, (list, tuple, set, frozenset, types.GeneratorType)):
        return [_plain(each, outbox) for each in value]
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.integer, numpy.floating, numpy.bool_, numpy.ndarray)):
        return value.tolist()
    return value


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """The members of a dict, a Pydantic model (by its `model_dump` or `dict`) or a dataclass; None for the rest."""
    if isinstance(value, dict):
        return value
    for dump in ("model_dump", "dict"):
        method = getattr(value, dump, None)
        if callable(method):
            dumped = method()
            return dumped if isinstance(dumped, dict) else {"": dumped}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _copy(path: os.PathLike[Any], outbox: str) -> str:
    """A copy and not a link: authors write the next output over the same file, and a link would change with it."""
    source = os.fspath(path)
    if not os.path.isfile(source):
        raise FileNotFoundError(f"The output file {os.fsdecode(source)} does not exist")
    place, name = _place(outbox, os.path.basename(os.fsdecode(source)))
    if "MAINSPRING_TRAINS" not in os.environ or not _linked(source, place):
        shutil.copyfile(source, place)
    return name


def _linked(source: str | bytes, place: str) -> bool:
    """Whether a second name did: a training has ended, nothing is written over, and its weights may be large."""
    try:
        if os.path.islink(source):
            return False
        os.link(source, place)
    except OSError:
        return False
    return True


def _drain(file: Any, outbox: str) -> str:
    named = file.name if isinstance(getattr(file, "name", None), str) else ""
    if file.closed:
        if named and os.path.isfile(named):
            return _copy(typing.cast("os.PathLike[Any]", named), outbox)
        raise ValueError("An output file was closed before it was returned")
    if file.seekable():
        file.seek(0)
    first = file.read(1 << 20)
    text = isinstance(first, str)
    place, name = _place(outbox, os.path.basename(named) or ("output.txt" if text else "output.bin"))
    with open(place, "w", encoding="utf-8", newline="") if text else open(place, "wb") as out:
        out.write(first)
        shutil.copyfileobj(file, out)
    return name


def _place(outbox: str, name: str) -> tuple[str, str]:
    folder = secrets.token_urlsafe(12)
    clean = re.sub(r"[^\w.,+@=-]", "_", name)[-120:].lstrip(".") or "output"
    os.makedirs(os.path.join(outbox, folder))
    return os.path.join(outbox, folder, clean), f"{OUTGOING}{folder}/{clean}"
