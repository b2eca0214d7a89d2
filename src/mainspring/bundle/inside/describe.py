"""Writes what a model takes and gives as JSON: `describe.py OUT PREDICTOR [TRAIN]`, run where the source lies.

OUT gets {"predict": …, "train": …, "cog": version} or {"error": {"kind": "import" | "signature", "text": …}}.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from typing import Any


def _sibling(name: str) -> Any:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"_mainspring_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_target, _inputs, _outputs = _sibling("target"), _sibling("inputs"), _sibling("outputs")


def describe(ref: str, train: bool) -> dict[str, Any]:
    """The Input and Output schemas of one reference, its enums, and how it may be called."""
    target = _target.load(ref, train)
    parameters, returned = _inputs.signature(target)
    properties, required, enums = _inputs.describe(parameters)
    limit = _concurrency(target.call)
    return {
        "input": {"type": "object", "properties": properties, **({"required": required} if required else {})},
        "output": _outputs.describe(returned),
        "enums": enums,
        "method": target.method or "function",
        "asynchronous": target.is_async,
        "concurrency": limit,
    }


def _concurrency(call: Any) -> int | None:
    """What `@cog.concurrent` left on the function or on one that it wraps."""
    while call is not None:
        limit = getattr(call, "__cog_concurrent_max__", None)
        if limit is not None:
            return int(limit)
        call = getattr(call, "__wrapped__", None)
    return None


def _problem(error: BaseException) -> dict[str, str]:
    if isinstance(error, (_target.TargetError, _inputs.SignatureError)):
        return {"kind": "signature", "text": str(error)}
    return {"kind": "import", "text": str(_target.format_error(error))}


def main(out: str, refs: list[str]) -> None:
    found: dict[str, Any] = {}
    try:
        import cog

        found["cog"] = cog.__version__
        _inputs.watch_defaults()
        for role, ref in zip(("predict", "train"), refs):  # noqa: B905
            found[role] = describe(ref, role == "train")
    except BaseException as error:
        found = {"error": _problem(error)}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
