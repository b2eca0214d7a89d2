"""What coglet loads: it stands in front of the author's class or function and keeps its signature.

The author's reference is in MAINSPRING_PREDICTOR, the model's source is the working directory; with
MAINSPRING_TRAINS it is the reference of what trains. For each call it adds: tracebacks in the logs, whole lines in
the logs, live chunks from async generators, and files by name (see files.py).
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import functools
import importlib.util
import inspect
import io
import itertools
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

CHUNK_METRIC = "mainspring_chunk"
_LINGER_S = 0.1  # coglet ends the process when setup fails, and what was printed just before is lost


def _sibling(name: str) -> Any:
    """A file beside this one; the folder must not be on sys.path, where it would hide the author's modules."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"_mainspring_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ in sys.modules:
    sys.modules["_mainspring_adapter"] = sys.modules.pop(__name__)
_target, _files = _sibling("target"), _sibling("files")
if "MAINSPRING_OUTBOX" in os.environ:
    _sibling("lifeline").hold()


class _Call:
    """One call of the author's code: reports what it raises, leaves no partial line behind."""

    def __init__(self, last: bool = False) -> None:
        self._last = last

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        from cog import CancelationException

        if error and not isinstance(error, (CancelationException, asyncio.CancelledError, GeneratorExit)):
            sys.stderr.write(_target.format_error(error))
        sys.stdout.flush()
        sys.stderr.flush()
        if error and self._last:
            time.sleep(_LINGER_S)


def _wrap(function: Callable[..., Any], bind: Callable[..., Callable[..., Any]]) -> Callable[..., Any]:
    """`function` as coglet should see it: same signature, same kind. `bind(self)` gives what is really called."""
    _unwrap_defaults(function)
    wanted = _files.file_arguments(function)

    def prepare(arguments: dict[str, Any]) -> dict[str, Any]:
        return {k: _files.take_in(v, wanted[k]) if k in wanted else v for k, v in arguments.items()}

    if inspect.isasyncgenfunction(function):
        wrapper: Callable[..., Any] = _async_generator(bind, prepare)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(bind, prepare)
    else:
        wrapper = _plain(bind, prepare)
    return functools.wraps(function)(wrapper)


def _plain(bind: Callable[..., Any], prepare: Callable[..., Any]) -> Callable[..., Any]:
    def call(*owner: Any, **arguments: Any) -> Any:
        with _Call():
            result = bind(*owner)(**prepare(arguments))
            if isinstance(result, collections.abc.Iterator) and not isinstance(result, io.IOBase):
                return _each(result)
            return _files.give_out(result)

    return call


def _each(chunks: Iterator[Any]) -> Iterator[Any]:
    with _Call():
        for chunk in chunks:
            yield chunk if type(chunk) is str else _files.give_out(chunk)


def _coroutine(bind: Callable[..., Any], prepare: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*owner: Any, **arguments: Any) -> Any:
        with _Call():
            return _files.give_out(await bind(*owner)(**prepare(arguments)))

    return call


def _async_generator(bind: Callable[..., Any], prepare: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*owner: Any, **arguments: Any) -> AsyncIterator[Any]:
        from cog import current_scope

        scope: Any = current_scope()
        with _Call():
            async with contextlib.aclosing(bind(*owner)(**prepare(arguments))) as chunks:
                numbers = itertools.count()
                async for raw in chunks:
                    chunk = _files.give_out(raw)
                    _announce(scope, next(numbers), chunk)
                    yield chunk

    return call


def _announce(scope: Any, number: int, chunk: Any) -> None:
    """coglet keeps the chunks until the end but sends metrics at once; one metric must keep one type, hence text."""
    try:
        text = json.dumps([number, chunk], allow_nan=False)
    except (TypeError, ValueError):
        return
    scope.record_metric(CHUNK_METRIC, text)


def _unwrap_defaults(function: Callable[..., Any]) -> None:
    """Put the value of each `Input(default=…)` in its place, as coglet does for what it loads itself."""
    from cog.input import FieldInfo

    def bare(value: Any) -> Any:
        return value.default if isinstance(value, FieldInfo) else value

    inner: Any = function
    while inner is not None:
        if getattr(inner, "__defaults__", None):
            inner.__defaults__ = tuple(map(bare, inner.__defaults__))
        if getattr(inner, "__kwdefaults__", None):
            inner.__kwdefaults__ = {name: bare(value) for name, value in inner.__kwdefaults__.items()}
        inner = getattr(inner, "__wrapped__", None)


def _stand_in(target: Any) -> Any:
    """A class that holds an instance of the author's: what they call on `self` never passes through here."""
    author = target.object

    def __init__(self: Any) -> None:  # noqa: N807
        with _Call(last=True):
            self.target = author()

    def bound(name: str) -> Callable[..., Any]:
        return lambda self: getattr(self.target, name)

    members: dict[str, Any] = {
        "__init__": __init__,
        "__module__": author.__module__,
        "__doc__": author.__doc__,
    }
    members[target.method] = _wrap(target.call, bound(target.method))
    if target.method == "train":
        members["run"] = members["train"]  # coglet wants one, also of a class that only trains
    for name in ("setup", "healthcheck"):
        if callable(getattr(author, name, None)):
            members[name] = _guard(getattr(author, name), bound(name), last=name == "setup")
    return type(author.__name__, (), members)


def _guard(function: Callable[..., Any], bind: Callable[..., Any], last: bool) -> Callable[..., Any]:
    """setup and healthcheck: their errors and logs matter as much. Cog gives setup the path of its weights as text."""
    opened = _files.file_arguments(function).get("weights")

    def given(weights: Any) -> Any:
        return weights if opened is None else _files.as_file(weights, opened)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _Call(last):
            return bind(self)(*map(given, args), **{name: given(each) for name, each in kwargs.items()})

    async def call_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _Call(last):
            return await bind(self)(*map(given, args), **{name: given(each) for name, each in kwargs.items()})

    return functools.wraps(function)(call_async if inspect.iscoroutinefunction(function) else call)


def _load() -> Any:
    with _Call(last=True):
        target = _target.load(os.environ["MAINSPRING_PREDICTOR"], "MAINSPRING_TRAINS" in os.environ)
    if target.method is None:
        return _wrap(target.object, lambda: target.object)
    return _stand_in(target)


Predictor = _load()
