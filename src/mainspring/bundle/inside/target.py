"""Finds the author's class or function as Cog would, and tells their frames from ours."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
_SOURCE = os.getcwd()


class TargetError(Exception):
    """The reference leads to nothing that Cog could run."""


@dataclass(frozen=True)
class Target:
    """What a reference leads to.

    method: "run", "predict", "train", or None for a function; call: that function, unbound.
    """

    module: ModuleType
    object: Any
    method: str | None
    call: Callable[..., Any]

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.call) or inspect.isasyncgenfunction(self.call)


def load(ref: str, train: bool = False) -> Target:
    """Import `file.py:Name`. Raises TargetError, or what the import raises.

    `file.py` alone means Runner, else Predictor; with `train`, a class must have train(), and alone means train,
    else Trainer.
    """
    file, _, name = ref.partition(":")
    module_name = os.path.basename(file)[: -len(".py")]
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise TargetError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    names = [name] if name else ["train", "Trainer"] if train else ["Runner", "Predictor"]
    methods = ("train",) if train else ("run", "predict")
    for each in names:
        if hasattr(module, each):
            return _target(module, getattr(module, each), f"{each} in {file}", methods)
    raise TargetError(f"{file} has no {' or '.join(names)}")


def _target(module: ModuleType, found: Any, name: str, wanted: tuple[str, ...]) -> Target:
    if inspect.isfunction(found):
        return Target(module, found, None, found)
    if not inspect.isclass(found):
        raise TargetError(f"{name} is neither a class nor a function")
    methods = [each for each in wanted if _own(found, each)]
    if len(methods) == 2:
        raise TargetError(f"{name} must define either run() or predict(), not both")
    if methods:
        return Target(module, found, methods[0], getattr(found, methods[0]))
    raise TargetError(f"{name} has no {'() or '.join(wanted)}()")


def _own(cls: type, method: str) -> bool:
    """Whether the author, and not Cog's base class, defines `method`."""
    from cog import predictor

    bases = {object, predictor.BasePredictor, getattr(predictor, "BaseRunner", object)}
    for owner in inspect.getmro(cls):
        if owner in bases:
            return False
        if callable(owner.__dict__.get(method)):
            return True
    return False


def format_error(error: BaseException) -> str:
    """The traceback as the author should read it: without frames of ours, paths from the model's top."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=False)
    _strip(shown, set())
    text = "".join(shown.format())
    for folder in (_SOURCE, sys.prefix):
        text = text.replace(f'File "{folder}/', 'File "')
    return text


def _strip(shown: traceback.TracebackException, seen: set[int]) -> None:
    if id(shown) in seen:
        return
    seen.add(id(shown))
    shown.stack = traceback.StackSummary.from_list(
        [frame for frame in shown.stack if not _ours(frame.filename)]
    )
    for each in (shown.__cause__, shown.__context__, *(getattr(shown, "exceptions", None) or ())):
        if each is not None:
            _strip(each, seen)


def _ours(file: str) -> bool:
    return os.path.dirname(os.path.abspath(file)) == HERE or file.startswith(
        ("<frozen importlib", "<frozen runpy")
    )
