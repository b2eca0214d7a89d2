"""`mainspring model`: what models there are, and how they are kept."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli import model_options as options
from mainspring.cli.calls import call, pages, quoted
from mainspring.cli.model_options import said
from mainspring.cli.reference import parse_model
from mainspring.cli.terminal import AsJson, CliError, printable, result, result_json, show_list, tell

app = typer.Typer(no_args_is_help=True, help="List models, show one, and change its settings.")
ModelName = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The model.")]
_WORDS = {"max_age": "cache"}
_NONE = {"max_age": "off", "seed_input": "none"}


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models of this platform.

    [bold]Examples[/bold]

    mainspring model list

    mainspring model list --json | jq -r '.[].name'
    """
    show_list(
        pages("/v1/models"),
        ("model", "visibility", "runs", "latest version", "description"),
        _cells,
        as_json=as_json,
        empty="There are no models yet. Push one: mainspring push DIR owner/name",
    )


@app.command("show")
def show_model(model: ModelName, as_json: AsJson = False) -> None:
    """Show a model: its settings, its inputs, and how to call it.

    [bold]Examples[/bold]

    mainspring model show acme/hello
    """
    found = call("GET", parse_model(model).path)
    if as_json:
        return result_json(found)
    scaling = (found.get("scaling") or {}) | (found.get("resources") or {})
    shown = {
        name: found.get(name)
        for name in ("description", "visibility", "hardware", "run_count", "url", "retention")
    } | scaling
    shown |= _caching(found.get("cache") or {})
    result(printable(f"{found['owner']}/{found['name']}"))
    for name, value in shown.items():
        if value is not None:
            result(printable(f"  {name.replace('_', ' '):<15}{value}"))
    return _show_version(model, found.get("latest_version"))


@app.command("example")
def show_example(
    model: ModelName,
    prediction: Annotated[str, typer.Argument(metavar="PREDICTION", help="Id of one of your predictions.")],
    default: Annotated[bool, typer.Option("--default", help="Show it first.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Show it no more.")] = False,
) -> None:
    """Show a prediction with a model, as an example of what it does; its data is kept.

    [bold]Examples[/bold]

    mainspring model example acme/hello 351g2j03r0071f13c5n2rcg13v --default
    """
    path = f"{parse_model(model).path}/examples"
    if remove:
        call("DELETE", f"{path}/{quoted(prediction)}")
        return tell(f"{model} shows {prediction} no more.")
    call("POST", path, json={"prediction": prediction, "default": default})
    return tell(f"{model} shows {prediction}.")


@app.command("set")
def set_model(
    model: ModelName,
    min_instances: options.MinInstances = None,
    max_instances: options.MaxInstances = None,
    idle_timeout: options.IdleTimeout = None,
    memory: options.Memory = None,
    gpu_memory: options.GpuMemory = None,
    gpus: options.Gpus = None,
    deterministic: options.Deterministic = None,
    seed_input: options.SeedInput = None,
    cache: options.Cache = None,
    retention: options.Retention = None,
    visibility: options.Visibility = None,
    description: options.Description = None,
    hardware: options.Hardware = None,
    official: options.Official = None,
) -> None:
    """Change the settings of a model; what is not given stays as it is.

    [bold]Examples[/bold]

    mainspring model set acme/hello --min-instances 1

    mainspring model set acme/llama --idle-timeout 600 --visibility private

    mainspring model set acme/hello --retention 24h

    mainspring model set acme/draw --seed-input seed --cache 24h
    """
    if visibility not in (None, "public", "private"):
        raise CliError(f"--visibility must be public or private, not {visibility!r}.")
    plain = said(visibility=visibility, description=description, hardware=hardware, is_official=official)
    if retention is not None:
        plain["retention"] = options.asked_retention(retention)
    _change(
        model,
        plain,
        scaling=said(min_instances=min_instances, max_instances=max_instances, idle_timeout=idle_timeout),
        resources=said(memory=memory, gpu_memory=gpu_memory, gpus=gpus),
        cache=options.caching(deterministic, seed_input, cache),
    )
    if cache not in (None, "off") and retention is None:
        tell(
            "A stored result answers as long as its prediction keeps its data; --retention says how long that is."
        )


def _change(model: str, plain: dict[str, Any], **groups: dict[str, Any]) -> None:
    """Change what is given, and tell each of it."""
    changes = plain | {name: group for name, group in groups.items() if group}
    if not changes:
        raise CliError(
            "There is nothing to change.", "Give at least one setting; see mainspring model set --help."
        )
    call("PATCH", parse_model(model).path, json=changes)
    changed = plain | {name: value for group in groups.values() for name, value in group.items()}
    told = ", ".join(
        f"{_WORDS.get(name, name.replace('_', ' '))} is now {_NONE.get(name, 'default') if value is None else value}"
        for name, value in changed.items()
    )
    tell(f"{model}: {told}")


def _cells(model: dict[str, Any]) -> tuple[str, ...]:
    version = (model.get("latest_version") or {}).get("id") or "none"
    name, about = f"{model['owner']}/{model['name']}", model.get("description") or ""
    return name, model["visibility"], str(model["run_count"]), version[:12], about


def _caching(cache: dict[str, Any]) -> dict[str, Any]:
    """What is shown of it, if its owner declared anything."""
    if not (cache.get("deterministic") or cache.get("seed_input")):
        return {}
    saved = cache.get("saved") or {}
    return {
        "deterministic": True if cache["deterministic"] else f"with {cache['seed_input']}",
        "cache": cache["max_age"] or "for requests that ask",
        "not_run": f"{saved.get('hits', 0) + saved.get('joined', 0)}, {saved.get('seconds_saved', 0):.1f} s and"
        f" ${saved.get('amount_saved', '0.00')} saved",
    }


def _show_version(model: str, version: dict[str, Any] | None) -> None:
    from mainspring.cli.schema import ModelSchema
    from mainspring.cli.snippets import command_line

    if not version:
        return tell(f"It has no version yet. Push one: mainspring push DIR {model}")
    fields = ModelSchema(version.get("openapi_schema")).inputs()
    result(f"  {'latest version':<15}{version['id']}\n\ninputs")
    for field in fields.values():
        default = "required" if field.required else f"default {field.schema.get('default')!r}"
        about = field.schema.get("description") or ""
        result(printable(f"  {field.name:<15}{field.words}; {default}{f'; {about}' if about else ''}"))
    return result(f"\n{command_line(model, fields)}")
