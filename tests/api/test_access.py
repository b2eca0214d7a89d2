"""Who may call what, over every operation there is: people of an organization, its operator, strangers, nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.api.app import operations
from mainspring.api.operation import Operation
from mainspring.core.people import ALLOWS, EVERY_SCOPE, Role, Scope
from tests.api.house import START, House
from tests.api.people import PEOPLE, TRAINING, WAITING, V, organized
from tests.api.samples import PREDICTION

CLOSED = [one for one in operations() if not one.open]
# For the operator alone, and for everybody who has a token, as far as they see what they ask for.
OPERATORS = {
    *("accounts.list", "accounts.create", "accounts.get", "accounts.update", "organizations.create"),
    *(
        "collections.put",
        "collections.delete",
        "aliases.set",
        "aliases.delete",
        "catalog.add",
        "catalog.remove",
    ),
}
EVERYBODYS = {
    *("search", "models.search", "models.list", "collections.list", "collections.get", "hardware.list"),
    *("aliases.list", "catalog.list", "fleet.get", "organizations.list", "files.create"),
}
# Where the operator of the platform may do for an organization what its owner may.
FOR_BOTH = re.compile(r"tokens\.|limits\.|usage\.|audit\.|organizations\.|fleet\.instances")
HIDDEN = re.compile(r"\{(owner|prediction_id|training_id|file_id|instance_id|organization)\}")
PATHS = {
    "owner": "acme",
    "name": "closed",
    "version_id": V,
    "prediction_id": PREDICTION,
    "training_id": TRAINING,
    "file_id": "file",
    "instance_id": "instance",
    "organization": "acme",
    "account": "wim",
    "username": "vic",
    "collection_slug": "all",
    "alias": "it",
    "delivery_id": f"{PREDICTION}-completed",
}
AT: dict[str, dict[str, str]] = {
    "predictions.cancel": {"prediction_id": WAITING},
    "models.versions.delete": {"name": "spare", "version_id": "c" * 64},
    "models.delete": {"name": "empty"},
    "deployments.delete": {"name": "idle"},
    "catalog.add": {"owner": "no", "name": "such"},
    "catalog.remove": {"owner": "no", "name": "such"},
    "organizations.members.remove": {"account": "wim"},
}
RELEASE = {"model": "acme/closed", "version": V, "hardware": "cpu", "min_instances": 0, "max_instances": 1}
BODIES: dict[str, dict[str, Any]] = {
    "predictions.create": {"json": {"version": "acme/closed", "input": {}}},
    "models.predictions.create": {"json": {"input": {}}},
    "deployments.predictions.create": {"json": {"input": {}}},
    "trainings.create": {"json": {"destination": "acme/closed", "input": {}}},
    "models.create": {"json": {"owner": "acme", "name": "new", "visibility": "private", "hardware": "cpu"}},
    "models.examples.create": {"json": {"prediction": PREDICTION}},
    "models.push": {"content": b"no archive"},
    "models.search": {"content": b"unheard-of", "headers": {"Content-Type": "text/plain"}},
    "deployments.create": {"json": {"name": "other", **RELEASE}},
    "limits.set": {"json": {"monthly": "5.00", "account": "acme"}},
    "limits.remove": {"params": {"account": "acme"}},
    "files.create": {"files": {"content": ("a.txt", b"a")}},
    "search": {"params": {"query": "unheard-of"}},
    "tokens.update": {"json": {"name": "x"}},
    "account.update": {"json": {"name": "Acme & Co"}},
    "accounts.create": {"json": {"username": "zoe"}},
    "organizations.create": {"json": {"username": "zoes"}},
    "organizations.members.put": {"json": {"role": "viewer"}},
    "collections.put": {"json": {"name": "All"}},
    "aliases.set": {"json": {"version": "acme/closed"}},
}
# What is refused for another reason, or has to be: nothing is there to be sent again, downloaded or installed.
OTHERWISE = {
    "predictions.deliveries.resend": {404},
    "files.download": {404},
    "predictions.data.delete": {409},
    "aliases.delete": {404},
    "aliases.set": {422},
    "catalog.add": {404},
    "catalog.remove": {404},
}


async def ask(house: House, operation: Operation, name: str | None, token: str = "") -> httpx.Response:
    """What somebody is told who asks for it, for acme where that can be said."""
    params = PATHS | {"token_id": house.ids["acme"]}
    params |= {"name": "live"} if operation.path.startswith("/deployments") else {}
    params |= AT.get(operation.id, {})
    path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: params[found[1]], operation.path)
    given = dict(BODIES.get(operation.id, {} if operation.body is None else {"json": {}}))
    if "account" in getattr(operation.query, "__struct_fields__", ()):
        given["params"] = {"account": "acme"} | given.get("params", {})
    async with house.client(name) as client:
        if token:
            client.headers["Authorization"] = f"Bearer {token}"
        return await client.request(operation.method, path, **given)


def let_in(operation: Operation, told: httpx.Response) -> bool:
    return told.status_code < 300 or told.status_code in OTHERWISE.get(operation.id, ())


def gently() -> list[Operation]:
    """What destroys something comes last, and who is removed last of all."""
    order = {"DELETE": 2, "POST": 1, "PATCH": 1, "PUT": 1}
    late = {"predictions.cancel", "fleet.instances.stop", "organizations.members.put"}
    return sorted(
        CLOSED, key=lambda one: (one.id in late, order.get(one.method, 0), one.path.count("members"))
    )


def outsiders() -> Iterator[tuple[str, Operation]]:
    for operation in CLOSED:
        for name in ("root", "bob"):
            if operation.id in EVERYBODYS or (
                name == "root" and (operation.id in OPERATORS or FOR_BOTH.match(operation.id))
            ):
                continue
            yield name, operation


async def test_nobody_gets_in_and_outsiders_learn_nothing(tmp_path: Path) -> None:
    async with organized(tmp_path / "house") as house:
        for operation in CLOSED:
            assert (await ask(house, operation, None)).status_code == 401, operation.id
        for name, operation in outsiders():
            told = await ask(house, operation, name)
            wanted = {404} if HIDDEN.search(operation.path) and operation.id not in OPERATORS else {403, 422}
            assert told.status_code in wanted, (name, operation.id, told.text)
        for name in ("root", "bob"):
            for operation in CLOSED:
                if operation.id in EVERYBODYS - {"fleet.get", "organizations.list"}:
                    told = await ask(house, operation, name)
                    assert told.status_code < 300, (operation.id, told.text)
                    assert not re.search(r'acme/closed|"closed"', told.text), operation.id
        assert "closed" not in (await ask(house, by_id("fleet.get"), "bob")).text
        assert (await ask(house, by_id("organizations.list"), "bob")).json() == {"results": []}
        for version in (V, f"acme/closed:{V}", "acme/closed"):
            async with house.client("bob") as bob:
                body = {"version": version, "input": {}}
                assert (await bob.post("/predictions", json=body)).status_code == 422


def by_id(operation_id: str) -> Operation:
    return next(one for one in CLOSED if one.id == operation_id)


@pytest.mark.parametrize("name", PEOPLE)
async def test_people_may_do_what_their_role_allows(tmp_path: Path, name: str) -> None:
    role = PEOPLE[name]
    async with organized(tmp_path / "house") as house:
        for operation in gently():
            if operation.id in EVERYBODYS:
                continue
            told = await ask(house, operation, name)
            if operation.id in OPERATORS:
                assert told.status_code == 403, (operation.id, told.text)
            elif operation.scope in ALLOWS[role]:
                assert let_in(operation, told), (operation.id, told.text)
            else:
                assert told.status_code == 403, (operation.id, told.text)
                assert f"{role} of acme" in told.json()["detail"], (operation.id, told.text)
        listed = [
            await ask(house, by_id(one), name) for one in ("models.list", "models.search", "collections.get")
        ]
        assert all("acme" in told.text for told in listed)


@pytest.mark.parametrize("name", ["acme", "root"])
async def test_an_organizations_own_token_and_the_operator(tmp_path: Path, name: str) -> None:
    async with organized(tmp_path / "house") as house:
        for operation in gently():
            if operation.id in EVERYBODYS or (name == "acme") is (operation.id in OPERATORS):
                continue
            if name == "root" and not (operation.id in OPERATORS or FOR_BOTH.match(operation.id)):
                continue
            told = await ask(house, operation, name)
            assert let_in(operation, told), (operation.id, told.text)


async def test_a_token_without_the_scope_is_told_which(tmp_path: Path) -> None:
    async with organized(tmp_path / "house") as house:
        made = {}
        for scope in Scope:
            kept = EVERY_SCOPE - {scope}
            _, made[scope] = await house.context.accounts.create_token("olga", "t", now=START, scopes=kept)
        for operation in CLOSED:
            assert operation.scope is not None
            told = await ask(house, operation, None, made[operation.scope])
            assert told.status_code == 403, (operation.id, told.text)
            problem = told.json()
            assert (problem["title"], problem["status"]) == ("Scope missing", 403), operation.id
            assert f"lacks the scope {operation.scope}, which {operation.id} needs" in problem["detail"]
            assert f"--scope {operation.scope}" in problem["detail"]


def test_every_operation_is_in_the_document_with_its_scope(tmp_path: Path) -> None:
    assert {one.id for one in operations() if one.open} == {"shared.get", "streams.get", "streams.files.get"}
    assert {one.id for one in CLOSED} >= OPERATORS | EVERYBODYS
    with pytest.raises(ValueError, match="needs a scope"):
        Operation(method="GET", path="/x", handler=None, id="x", scope=None, summary="")  # type: ignore[arg-type]
    assert ALLOWS[Role.OWNER] == EVERY_SCOPE
