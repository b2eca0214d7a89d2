"""Organizations and their people in a real ledger."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from mainspring.core.errors import Conflict
from mainspring.core.people import Role, Scope
from mainspring.database import Database
from mainspring.records.accounts import Accounts
from mainspring.records.members import Members
from mainspring.records.recent import Recent

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
async def accounts(database: Database) -> Accounts:
    made = Accounts(database, Recent())
    for name in ("ada", "bob"):
        await made.create_account(name, "user", name.title(), NOW)
    return made


@pytest.fixture
async def members(database: Database, accounts: Accounts) -> Members:
    made = Members(database, accounts._recent)
    await made.create("acme", "Acme", "ada", NOW)
    return made


async def test_an_organization_begins_with_its_owner(members: Members, accounts: Accounts) -> None:
    assert [(one.account, one.role) for one in await members.list("acme")] == [("ada", Role.OWNER)]
    found = await accounts.get("acme")
    assert found
    assert (found.type, found.name) == ("organization", "Acme")
    for taken, owner in (
        ("acme", "ada"),
        ("ada", "bob"),
        ("ACME", "ada"),
        ("new", "nobody"),
        ("new", "acme"),
    ):
        with pytest.raises(Conflict):
            await members.create(taken, "x", owner, NOW)
    assert await accounts.get("new") is None


async def test_there_is_always_an_owner(members: Members) -> None:
    assert not await members.put("acme", "ada", Role.MEMBER, NOW)
    assert not await members.remove("acme", "ada")
    assert await members.put("acme", "bob", Role.OWNER, NOW)
    # Each would leave the other one; together they would leave nobody.
    done = await asyncio.gather(members.remove("acme", "ada"), members.remove("acme", "bob"))
    assert sorted(done) == [False, True]
    assert len(await members.list("acme")) == 1


async def test_only_users_belong_to_organizations(members: Members) -> None:
    await members.create("other", "Other", "ada", NOW)
    assert not await members.put("acme", "other", Role.MEMBER, NOW)
    assert not await members.put("acme", "nobody", Role.MEMBER, NOW)
    assert not await members.put("ada", "bob", Role.MEMBER, NOW)


async def test_a_change_holds_with_the_next_call(members: Members, accounts: Accounts) -> None:
    _, secret = await accounts.create_token("bob", "t", now=NOW)

    async def may(scope: Scope) -> bool:
        caller = await accounts.caller(secret, NOW)
        return caller is not None and caller.may(scope, "acme")

    assert not await may(Scope.READ)
    await members.put("acme", "bob", Role.VIEWER, NOW)
    assert (await may(Scope.READ), await may(Scope.RUN)) == (True, False)
    await members.put("acme", "bob", Role.MEMBER, NOW)
    assert (await may(Scope.PUSH), await may(Scope.ADMIN)) == (True, False)
    await accounts.disable("acme", NOW)
    assert not await may(Scope.READ)
    await accounts.enable("acme")
    await members.remove("acme", "bob")
    assert not await may(Scope.READ)
    assert [one.account.username for one in await members.organizations("bob")] == []
    assert [one.account.username for one in await members.organizations("bob", every=True)] == ["acme"]
