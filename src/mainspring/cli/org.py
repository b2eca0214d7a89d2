"""`mainspring org`: organizations and their people."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.terminal import printable, quoted, result, result_json, stdout_console, tell

app = typer.Typer(no_args_is_help=True, help="Make organizations, and manage their people.")
members = typer.Typer(no_args_is_help=True, help="List, add and remove people of an organization.")
app.add_typer(members, name="members")

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]
Person = Annotated[str, typer.Argument(metavar="USERNAME", help="Somebody's account.")]
Role = Annotated[
    str,
    typer.Option(
        metavar="ROLE",
        help="viewer: sees. member: runs and pushes. owner: also manages people, tokens, limits.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_organizations(as_json: AsJson = False) -> None:
    """List your organizations; all of them, for the operator.

    [bold]Examples[/bold]

    mainspring org list
    """
    found = _call("GET", "")["results"]
    if as_json:
        result_json(found)
        return
    from rich.table import Table

    table = Table("organization", "name", "you are", "state", box=None)
    for one in found:
        state = "disabled" if one["disabled_at"] else "active"
        table.add_row(printable(one["username"]), printable(one["name"]), one["role"] or "-", state)
    stdout_console().print(table)


@app.command("create")
def create_organization(
    org: Org,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name for people.", show_default=False)
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(metavar="USERNAME", help="Its first owner; you if left out.", show_default=False),
    ] = None,
) -> None:
    """Make an organization. For the operator; its owners do the rest.

    [bold]Examples[/bold]

    mainspring org create acme --name "Acme, Inc." --owner ada
    """
    asked = {k: v for k, v in (("name", name), ("owner", owner)) if v is not None}
    made = _call("POST", "", json={"username": org} | asked)
    owners = ", ".join(one["account"] for one in made["members"])
    tell(f"The organization {org} is there, owned by {owners}.")
    tell(f"Add people: mainspring org members add {org} USERNAME --role member")


@app.command("show")
def show_organization(org: Org, as_json: AsJson = False) -> None:
    """Show an organization and its people.

    [bold]Examples[/bold]

    mainspring org show acme
    """
    found = _call("GET", f"/{quoted(org)}")
    if as_json:
        result_json(found)
        return
    state = f", disabled since {found['disabled_at'][:10]}" if found["disabled_at"] else ""
    result(printable(f"{found['username']}  {found['name']}, since {found['created_at'][:10]}{state}"))
    _show_people(found)


@app.command("rename")
def rename_organization(
    org: Org, name: Annotated[str, typer.Argument(metavar="NAME", help="Its name for people.")]
) -> None:
    """Give an organization another name for people; its username, the first part of owner/name, is for ever.

    [bold]Examples[/bold]

    mainspring org rename acme "Acme Robotics"
    """
    _call("PATCH", f"/{quoted(org)}", json={"name": name})
    tell(f"{org} is called {name}.")


@app.command("disable")
def disable_organization(org: Org) -> None:
    """Let neither its tokens nor its people act for an organization any more. For the operator.

    [bold]Examples[/bold]

    mainspring org disable acme
    """
    _call("PATCH", f"/{quoted(org)}", json={"disabled": True})
    tell(f"{org} is disabled. To undo it: mainspring org enable {org}")


@app.command("enable")
def enable_organization(org: Org) -> None:
    """Undo `disable`. For the operator.

    [bold]Examples[/bold]

    mainspring org enable acme
    """
    _call("PATCH", f"/{quoted(org)}", json={"disabled": False})
    tell(f"{org} is enabled.")


@members.command("list")
def list_members(org: Org, as_json: AsJson = False) -> None:
    """List the people of an organization.

    [bold]Examples[/bold]

    mainspring org members list acme
    """
    found = _call("GET", f"/{quoted(org)}")
    result_json(found["members"]) if as_json else _show_people(found)


@members.command("add")
def add_member(org: Org, username: Person, role: Role = "member") -> None:
    """Add somebody to an organization.

    [bold]Examples[/bold]

    mainspring org members add acme ada --role owner
    """
    _put(org, username, role)


@members.command("role")
def set_role(
    org: Org,
    username: Person,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, member or owner.")],
) -> None:
    """Change somebody's role in an organization.

    [bold]Examples[/bold]

    mainspring org members role acme ada viewer
    """
    _put(org, username, role)


@members.command("remove")
def remove_member(org: Org, username: Person) -> None:
    """Let somebody act for an organization no more; you can leave yourself.

    [bold]Examples[/bold]

    mainspring org members remove acme ada
    """
    _call("DELETE", f"/{quoted(org)}/members/{quoted(username)}")
    tell(f"{username} is not in {org} any more.")


def _put(org: str, username: str, role: str) -> None:
    _call("PUT", f"/{quoted(org)}/members/{quoted(username)}", json={"role": role})
    tell(f"{username} is a {role} of {org}." if role != "owner" else f"{username} is an owner of {org}.")


def _show_people(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table("username", "name", "role", "since", box=None)
    for one in found["members"]:
        table.add_row(printable(one["account"]), printable(one["name"]), one["role"], one["added_at"][:10])
    stdout_console().print(table)


def _call(method: str, path: str, **options: Any) -> Any:
    from mainspring.cli.client import ask

    return ask(lambda client: client.call(method, f"/v1/organizations{path}", **options))
