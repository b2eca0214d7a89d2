"""`mainspring deployment`: a version under a name of its own, with its own instances and releases."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.calls import call, pages, quoted
from mainspring.cli.reference import parse_reference
from mainspring.cli.terminal import AsJson, CliError, printable, result, result_json, show_list, tell

app = typer.Typer(no_args_is_help=True, help="List, create, show, update and delete deployments.")
DeploymentName = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The deployment.")]
HardwareOption = Annotated[
    str | None, typer.Option(metavar="SKU", help="What it runs on, like cpu or gpu-t4.")
]
Least = Annotated[int | None, typer.Option(min=0, help="Instances that are always kept warm.")]
Most = Annotated[int | None, typer.Option(min=0, help="Most instances at a time; 0 disables it.")]


@app.command("list")
def list_deployments(as_json: AsJson = False) -> None:
    """List your deployments.

    [bold]Examples[/bold]

    mainspring deployment list
    """
    show_list(
        pages("/v1/deployments"),
        ("deployment", "model", "version", "hardware", "instances", "release", "state"),
        _cells,
        as_json=as_json,
        empty="There are no deployments yet. Make one: mainspring deployment create NAME owner/model",
    )


@app.command("create")
def create_deployment(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, in your account.")],
    model: Annotated[
        str,
        typer.Argument(metavar="OWNER/MODEL[:VERSION]", help="What it runs; the latest version by default."),
    ],
    hardware: HardwareOption = None,
    min_instances: Least = 0,
    max_instances: Most = 1,
    as_json: AsJson = False,
) -> None:
    """Make a deployment: a version, pinned, with a line and instances of its own.

    [bold]Examples[/bold]

    mainspring deployment create prod acme/hello

    mainspring deployment create prod acme/llama --hardware gpu-l40s --min-instances 1 --max-instances 3
    """
    from mainspring.cli.client import ask

    reference = parse_reference(model)

    async def work(client: Any) -> Any:
        known = hardware and reference.version
        found = {} if known else await client.get(reference.path)
        latest = found.get("latest_version") or {}
        body = {
            "name": name,
            "model": str(reference),
            "version": reference.version or latest.get("id"),
            "hardware": hardware or found.get("hardware"),
            "min_instances": min_instances,
            "max_instances": max_instances,
        }
        if body["version"] is None:
            raise CliError(f"{reference} has no version yet.", f"Push one: mainspring push DIR {reference}")
        return await client.call("POST", "/v1/deployments", json=body)

    made = ask(work)
    if as_json:
        return result_json(made)
    path = f"{made['owner']}/{made['name']}"
    return tell(f"{path} is there. Call it: POST /v1/deployments/{path}/predictions")


@app.command("show")
def show_deployment(deployment: DeploymentName, as_json: AsJson = False) -> None:
    """Show a deployment and its releases.

    [bold]Examples[/bold]

    mainspring deployment show acme/prod
    """
    from mainspring.cli.client import ask

    path = _path(deployment)

    async def work(client: Any) -> tuple[Any, Any]:
        return await client.get(path), (await client.get(f"{path}/releases"))["results"]

    found, releases = ask(work)
    if as_json:
        return result_json({**found, "releases": releases})
    result(printable(f"{found['owner']}/{found['name']}"))
    result(printable(f"  {'state':<10}{_state(found)}"))
    for release in releases:
        configuration = release["configuration"]
        numbers = f"{configuration['min_instances']}-{configuration['max_instances']}"
        counted = release["instances"]
        result(
            printable(
                f"  {release['number']:<4}{release['state']:<11}{release['model']}:{release['version'][:12]}  "
                f"{configuration['hardware']}  {numbers} instances, {counted['ready']} ready, "
                f"{counted['booting']} booting  {release['created_at'][:19]}"
            )
        )
        if release["error"]:
            result(printable(f"      {release['error'].splitlines()[0]}"))
    return None


@app.command("update")
def update_deployment(
    deployment: DeploymentName,
    version: Annotated[
        str | None, typer.Option(metavar="ID|latest", help="The version it shall run, or latest.")
    ] = None,
    hardware: HardwareOption = None,
    min_instances: Least = None,
    max_instances: Most = None,
    as_json: AsJson = False,
) -> None:
    """Make a new release; what is not given stays as it is.

    The release before it goes on until the new one is ready, and stays when the new one fails to get ready.

    [bold]Examples[/bold]

    mainspring deployment update acme/prod --version latest

    mainspring deployment update acme/prod --min-instances 0 --max-instances 0
    """
    from mainspring.cli.client import ask

    path = _path(deployment)
    given: dict[str, Any] = {"version": version, "hardware": hardware}
    given |= {"min_instances": min_instances, "max_instances": max_instances}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise CliError("There is nothing to change.", "See mainspring deployment update --help.")

    async def work(client: Any) -> Any:
        if version == "latest":
            model = (await client.get(path))["current_release"]["model"]
            latest = (await client.get(f"/v1/models/{model}"))["latest_version"] or {}
            changes["version"] = latest.get("id")
        return await client.call("PATCH", path, json=changes)

    changed = ask(work)
    if as_json:
        return result_json(changed)
    return tell(f"{deployment}: release {changed['current_release']['number']}, {_state(changed)}")


@app.command("delete")
def delete_deployment(deployment: DeploymentName) -> None:
    """Delete a deployment that is offline and has not been used for a while.

    [bold]Examples[/bold]

    mainspring deployment delete acme/prod
    """
    call("DELETE", _path(deployment))
    tell(f"{deployment} is deleted.")


def _path(deployment: str) -> str:
    owner, slash, name = deployment.partition("/")
    if not slash or not owner or not name or "/" in name or ":" in name:
        raise CliError(f"{deployment!r} is no deployment.", "Say OWNER/NAME, like acme/prod.")
    return f"/v1/deployments/{quoted(owner)}/{quoted(name)}"


def _cells(found: dict[str, Any]) -> list[str]:
    release = found["current_release"]
    configuration = release["configuration"]
    return [
        f"{found['owner']}/{found['name']}",
        release["model"],
        release["version"][:12],
        configuration["hardware"],
        f"{configuration['min_instances']}-{configuration['max_instances']}",
        str(release["number"]),
        _state(found),
    ]


def _state(found: dict[str, Any]) -> str:
    """Where it stands, in words."""
    rollout = found["rollout"]
    serving = rollout["serving_release"]
    if rollout["state"] == "booting":
        return f"booting; release {serving} serves until it is ready"
    if rollout["state"] == "rolled_back":
        reason = (rollout["error"] or "").partition("\n")[0]
        return f"release {serving} serves; release {rollout['failed_release']} was rolled back: {reason}"
    return str(rollout["state"])
