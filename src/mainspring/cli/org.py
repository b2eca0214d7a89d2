"""`mainspring org`: organizations and their people."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli import people
from mainspring.cli.calls import call, quoted
from mainspring.cli.terminal import AsJson, printable, result, result_json, show_list, tell

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


@app.command("list")
def list_organizations(as_json: AsJson = False) -> None:
    """List your organizations; all of them, for the operator.

    [bold]Examples[/bold]

    mainspring org list
    """
    found = call("GET", "/v1/organizations")["results"]
    show_list(found, ("organization", "name", "you are", "state"), _cells, as_json=as_json)


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
    made = call("POST", "/v1/organizations", json={"username": org} | asked)
    owners = ", ".join(one["account"] for one in made["members"])
    tell(f"The organization {org} is there, owned by {owners}.")
    tell(f"Add people: mainspring org members add {org} USERNAME --role member")


@app.command("show")
def show_organization(org: Org, as_json: AsJson = False) -> None:
    """Show an organization and its people.

    [bold]Examples[/bold]

    mainspring org show acme
    """
    found = call("GET", _path(org))
    if as_json:
        return result_json(found)
    state = f", disabled since {found['disabled_at'][:10]}" if found["disabled_at"] else ""
    result(printable(f"{found['username']}  {found['name']}, since {found['created_at'][:10]}{state}"))
    return _show_people(found)


@app.command("rename")
def rename_organization(
    org: Org, name: Annotated[str, typer.Argument(metavar="NAME", help="Its name for people.")]
) -> None:
    """Give an organization another name for people; its username, the first part of owner/name, is for ever.

    [bold]Examples[/bold]

    mainspring org rename acme "Acme Robotics"
    """
    people.rename("organizations", org, name)


@app.command("disable")
def disable_organization(org: Org) -> None:
    """Let neither its tokens nor its people act for an organization any more. For the operator.

    [bold]Examples[/bold]

    mainspring org disable acme
    """
    people.disable("organizations", org)


@app.command("enable")
def enable_organization(org: Org) -> None:
    """Undo `disable`. For the operator.

    [bold]Examples[/bold]

    mainspring org enable acme
    """
    people.enable("organizations", org)


@members.command("list")
def list_members(org: Org, as_json: AsJson = False) -> None:
    """List the people of an organization.

    [bold]Examples[/bold]

    mainspring org members list acme
    """
    found = call("GET", _path(org))
    _show_people(found, as_json=as_json)


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
    call("DELETE", f"{_path(org)}/members/{quoted(username)}")
    tell(f"{username} is not in {org} any more.")


def _put(org: str, username: str, role: str) -> None:
    call("PUT", f"{_path(org)}/members/{quoted(username)}", json={"role": role})
    tell(f"{username} is a {role} of {org}." if role != "owner" else f"{username} is an owner of {org}.")


def _show_people(found: dict[str, Any], *, as_json: bool = False) -> None:
    columns = ("username", "name", "role", "since")
    show_list(
        found["members"],
        columns,
        lambda one: (one["account"], one["name"], one["role"], one["added_at"][:10]),
        as_json=as_json,
    )


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    return one["username"], one["name"], one["role"] or "-", people.state(one)


def _path(org: str) -> str:
    return f"/v1/organizations/{quoted(org)}"
