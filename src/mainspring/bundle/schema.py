"""A model's Cog schema, read in the model's own Python and written in the shape that Cog itself gives it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainspring.bundle.cogyaml import CogConfig
from mainspring.bundle.environment import Environment
from mainspring.bundle.process import author_variables, finish
from mainspring.core.errors import BundleError

_DESCRIBE = Path(__file__).parent / "inside" / "describe.py"
_START = (
    "import runpy, sys; sys.argv = [a.partition('=')[2] for a in sys.argv[1:]];"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
Fenced = Callable[[Path, Path], AbstractAsyncContextManager[tuple[Path, list[str]]]]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a version takes and gives.

    openapi: the whole document; concurrency: how many predictions one instance runs at once; asynchronous: whether
    the author's function is async; method: "run", "predict" or "function"; cog_version: of the model's environment.
    """

    openapi: dict[str, Any]
    concurrency: int
    asynchronous: bool
    method: str
    cog_version: str


@contextlib.asynccontextmanager
async def unfenced(environment: Path, source: Path) -> AsyncIterator[tuple[Path, list[str]]]:
    """No fence at all: for one's own models."""
    with tempfile.TemporaryDirectory(prefix="mainspring-describe-") as place:
        Path(place, "tmp").mkdir()
        yield Path(place), ["-c", _START]


async def describe(
    environment: Environment,
    source: Path,
    config: CogConfig,
    timeout_s: float = 120.0,
    fenced: Fenced = unfenced,
) -> Signature:
    """Import the model in its own environment, in a process of its own, and read its signature.

    fenced: gives, for an environment and a source, a directory that this process may write to and the arguments of
    its Python that keep it from everything else.

    Raises BundleError: the author's traceback if the import fails, what is wrong with an annotation, a missing
    class, or too much time.
    """
    found = await _ask(environment, source, config, timeout_s, fenced)
    if "error" in found:
        lead = "The model can't be imported:\n" if found["error"]["kind"] == "import" else ""
        raise BundleError(lead + found["error"]["text"].rstrip())
    predict, train = found["predict"], found.get("train")
    return Signature(
        _document(predict, train, found["cog"]),
        _concurrency(predict, config),
        predict["asynchronous"],
        predict["method"],
        found["cog"],
    )


def prepare_source(source: Path, openapi: dict[str, Any]) -> Path:
    """Write `.cog/openapi_schema.json` into a source tree, where coglet reads it; returns its path."""
    file = source / ".cog" / "openapi_schema.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(openapi, separators=(",", ":")))
    return file


def training_view(openapi: Mapping[str, Any]) -> dict[str, Any]:
    """The document for an instance that trains: coglet checks what is streamed by Input, here that of train()."""
    schemas = openapi["components"]["schemas"]
    swapped = {**schemas, "Input": schemas["TrainingInput"], "Output": schemas["TrainingOutput"]}
    return {**openapi, "components": {**openapi["components"], "schemas": swapped}}


async def _ask(
    environment: Environment, source: Path, config: CogConfig, timeout_s: float, fenced: Fenced
) -> dict[str, Any]:
    async with fenced(environment.path, source) as (place, fence):
        out, home = place / "signature.json", str(place / "tmp")
        references = [config.predict, *([config.train] if config.train else [])]
        variables = author_variables(os.environ)
        variables |= {"HOME": home, "TMPDIR": home, "PYTHONDONTWRITEBYTECODE": "1", **config.environment}
        variables["PATH"] = f"{environment.path / 'bin'}:{variables.get('PATH', os.defpath)}"
        arguments = [f"argument={argument}" for argument in (out, *references)]
        command = [environment.python, *fence, f"run={_DESCRIBE}", *arguments]
        done = await finish(command, cwd=source, environ=variables, timeout_s=timeout_s)
        try:
            found: dict[str, Any] = json.loads(out.read_text())
        except (OSError, ValueError):
            how = f"signal {-done.status}" if done.status < 0 else f"status {done.status}"
            raise BundleError(
                f"Importing the model ended its process ({how}):\n{done.errors[-4000:]}"
            ) from None
        return found


def _concurrency(predict: dict[str, Any], config: CogConfig) -> int:
    limit: int = config.concurrency or predict["concurrency"] or 1
    if limit > 1 and not predict["asynchronous"]:
        raise BundleError(
            f"The model asks for {limit} predictions at once, but its {predict['method']} is not async. "
            "Make it `async def`, or remove `concurrency` from cog.yaml."
        )
    return limit


def _document(predict: dict[str, Any], train: dict[str, Any] | None, cog_version: str) -> dict[str, Any]:
    schemas: dict[str, Any] = _operation_schemas(predict, "Prediction", "Input", "Output")
    paths: dict[str, Any] = {
        "/": _get("Root", "root__get"),
        "/health-check": _get("Healthcheck", "healthcheck_health_check_get"),
        **_operation_paths("prediction", "predict", "Predict"),
    }
    paths["/predictions"]["post"]["x-cog-streaming"] = True
    if train:
        training = _operation_schemas(train, "Training", "TrainingInput", "TrainingOutput")
        schemas = {**_renamed(training, schemas), **schemas}
        paths |= _operation_paths("training", "train", "Train")
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": cog_version},
        "components": {"schemas": {**schemas, **_COMMON_SCHEMAS}},
        "paths": paths,
    }


def _renamed(training: dict[str, Any], taken: dict[str, Any]) -> dict[str, Any]:
    """The training's schemas; choices whose name the prediction uses for other choices get another name."""
    text = json.dumps(training)
    for name in training:
        if name in taken and training[name] != taken[name]:
            text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{name}_training"')
            text = text.replace(
                f'"{name}": {{"title": "{name}"', f'"{name}_training": {{"title": "{name}"', 1
            )
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _operation_schemas(found: dict[str, Any], kind: str, takes: str, gives: str) -> dict[str, Any]:
    text = {"type": "string"}
    moment = {"type": "string", "format": "date-time"}
    fields = {"id": text, "version": text, "created_at": moment, "started_at": moment, "completed_at": moment}
    fields |= {"status": text, "error": text, "logs": text, "metrics": {"type": "object"}}
    refs = {"input": _ref(takes), "output": _ref(gives)}
    titled = {name: {"title": name.replace("_", " ").title(), **schema} for name, schema in fields.items()}
    asked = {"id": titled["id"], "input": refs["input"]}
    return {
        takes: {"title": takes, **found["input"]},
        gives: found["output"],
        **found["enums"],
        f"{kind}Request": {"title": f"{kind}Request", "type": "object", "properties": asked},
        f"{kind}Response": {"title": f"{kind}Response", "type": "object", "properties": {**refs, **titled}},
    }


def _operation_paths(noun: str, verb: str, summary: str) -> dict[str, Any]:
    kind, key = noun.capitalize(), f"{noun}_id"
    invalid = {"422": _reply("Validation Error", _ref("HTTPValidationError"))}
    parameter = {"title": f"{kind} Id", "type": "string"}
    return {
        f"/{noun}s": {
            "post": {
                "summary": summary,
                "description": f"Run a single {noun} on the model",
                "operationId": f"{verb}_{noun}s_post",
                "requestBody": {"content": _json(_ref(f"{kind}Request"))},
                "responses": {"200": _reply("Successful Response", _ref(f"{kind}Response")), **invalid},
            }
        },
        f"/{noun}s/{{{key}}}/cancel": {
            "post": {
                "summary": "Cancel",
                "operationId": f"cancel_{noun}s__{key}__cancel_post",
                "parameters": [{"required": True, "schema": parameter, "name": key, "in": "path"}],
                "responses": {"200": _reply("Successful Response", {}), **invalid},
            }
        },
    }


def _get(summary: str, operation: str) -> dict[str, Any]:
    reply = _reply("Successful Response", {})
    return {"get": {"summary": summary, "operationId": operation, "responses": {"200": reply}}}


def _reply(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": _json(schema)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_COMMON_SCHEMAS: dict[str, Any] = {
    "Status": {
        "title": "Status",
        "description": "An enumeration.",
        "enum": ["starting", "processing", "succeeded", "canceled", "failed"],
        "type": "string",
    },
    "HTTPValidationError": {
        "title": "HTTPValidationError",
        "type": "object",
        "properties": {"detail": {"title": "Detail", "type": "array", "items": _ref("ValidationError")}},
    },
    "ValidationError": {
        "title": "ValidationError",
        "required": ["loc", "msg", "type"],
        "type": "object",
        "properties": {
            "loc": {
                "title": "Location",
                "type": "array",
                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            },
            "msg": {"title": "Message", "type": "string"},
            "type": {"title": "Error Type", "type": "string"},
        },
    },
}
