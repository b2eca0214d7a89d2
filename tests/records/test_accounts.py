"""Accounts and tokens in a real ledger."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from mainspring.core.errors import Conflict, InvalidRequest
from mainspring.core.ids import rfc3339
from mainspring.core.people import EVERY_SCOPE, Role, Scope, spelled
from mainspring.database import Database
from mainspring.records.accounts import Account, Accounts
from mainspring.records.members import Members
from mainspring.records.recent import Recent

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
async def accounts(database: Database) -> Accounts:
    made = Accounts(database)
    await made.create_account("ada", "user", "Ada", NOW)
    return made


async def opened(accounts: Accounts, secret: str, now: datetime) -> Account | None:
    caller = await accounts.caller(secret, now)
    return caller.account if caller else None


async def test_an_account_is_made_once(accounts: Accounts) -> None:
    assert await accounts.get("ada") == Account("ada", "user", "Ada", rfc3339(NOW))
    assert await accounts.get("bob") is None
    with pytest.raises(Conflict):
        await accounts.create_account("ada", "user", "Other", NOW)


async def test_a_token_opens_its_account_and_is_not_stored(accounts: Accounts, database: Database) -> None:
    token, secret = await accounts.create_token("ada", "laptop", now=NOW)
    assert re.fullmatch(r"ms_[A-Za-z0-9]{37}", secret)
    assert await opened(accounts, secret, NOW) == await accounts.get("ada")
    assert await opened(accounts, secret + "x", NOW) is None
    assert await opened(accounts, "\udcff", NOW) is None
    (row,) = await database.fetch("SELECT * FROM tokens")
    assert secret not in str(dict(row))
    assert (token.prefix, token.last_four) == (secret[:5], secret[-4:])


async def test_a_chosen_token_can_be_given_at_each_start(accounts: Accounts) -> None:
    chosen = "ms_" + "a" * 20
    first, _ = await accounts.create_token("ada", "start", chosen, now=NOW)
    again, secret = await accounts.create_token("ada", "start", chosen, now=NOW + timedelta(days=1))
    assert (again, secret) == (first, chosen)
    await accounts.create_account("bob", "user", "Bob", NOW)
    with pytest.raises(Conflict):
        await accounts.create_token("bob", "start", chosen, now=NOW)
    with pytest.raises(InvalidRequest):
        await accounts.create_token("ada", "start", "secret", now=NOW)
    await accounts.disable_token("ada", first.id, NOW)
    with pytest.raises(Conflict):
        await accounts.create_token("ada", "start", chosen, now=NOW)


async def test_a_disabled_token_is_refused_at_once_and_only_its_account_disables_it(
    accounts: Accounts,
) -> None:
    token, secret = await accounts.create_token("ada", "laptop", now=NOW)
    assert await opened(accounts, secret, NOW)
    assert not await accounts.disable_token("bob", token.id, NOW)
    assert await opened(accounts, secret, NOW)
    assert await accounts.disable_token("ada", token.id, NOW)
    assert await opened(accounts, secret, NOW) is None
    assert not await accounts.disable_token("ada", token.id, NOW)
    (listed,) = await accounts.list_tokens("ada")
    assert listed.disabled_at == rfc3339(NOW)


async def test_what_another_process_disabled_is_refused_after_a_moment(
    accounts: Accounts, database: Database
) -> None:
    clock = [0.0]
    here = Accounts(database, Recent(ttl_s=1.0, clock=lambda: clock[0]))
    token, secret = await here.create_token("ada", "laptop", now=NOW)
    assert await opened(here, secret, NOW)
    await accounts.disable_token("ada", token.id, NOW)
    assert await opened(here, secret, NOW)
    clock[0] = 1.1
    assert await opened(here, secret, NOW) is None


async def test_what_another_process_did_to_a_token_holds_here_within_a_second(
    accounts: Accounts, database: Database
) -> None:
    """Two caches over one ledger: disabled, rotated, out of the organization, the account disabled."""
    clock = [0.0]
    here = Accounts(database, Recent(ttl_s=1.0, clock=lambda: clock[0]))
    members = Members(database)
    await members.create("acme", "Acme", "ada", NOW)
    changes = {
        "disabled": lambda token: accounts.disable_token("ada", token.id, NOW),
        "rotated": lambda token: accounts.rotate_token(token, NOW, timedelta(0)),
        "account": lambda token: accounts.disable("ada", NOW),
    }
    for change in changes.values():
        token, secret = await accounts.create_token("ada", "laptop", now=NOW)
        assert await here.caller(secret, NOW)
        await change(token)
        clock[0] += 1.0
        assert await here.caller(secret, NOW) is None
        assert await here.session_caller(token.id, 0, NOW) is None
    await accounts.enable("ada")
    _, secret = await accounts.create_token("ada", "laptop", now=NOW)
    found = await here.caller(secret, NOW)
    assert found
    assert found.roles == {"acme": Role.OWNER}
    await accounts.create_account("bob", "user", "Bob", NOW)
    assert await members.put("acme", "bob", Role.OWNER, NOW)
    assert await members.remove("acme", "ada")
    clock[0] += 1.0
    found = await here.caller(secret, NOW)
    assert found
    assert found.roles == {}
    assert not found.may(Scope.READ, "acme")


async def test_a_token_ends_at_its_moment_though_it_is_remembered(accounts: Accounts) -> None:
    ends = NOW + timedelta(seconds=10)
    token, secret = await accounts.create_token("ada", "brief", now=NOW, expires_at=rfc3339(ends))
    assert await accounts.caller(secret, ends - timedelta(microseconds=1))
    assert await accounts.session_caller(token.id, 0, ends - timedelta(microseconds=1))
    assert await accounts.caller(secret, ends) is None
    assert await accounts.session_caller(token.id, 0, ends) is None
    assert await accounts.rotate_token(token, ends, timedelta(0)) is None


async def test_a_rotated_token_stays_the_same_and_its_old_secret_ends_when_it_is_said(
    accounts: Accounts,
) -> None:
    scopes = frozenset({Scope.READ, Scope.RUN})
    token, old = await accounts.create_token("ada", "shop", now=NOW, scopes=scopes)
    rotated = await accounts.rotate_token(token, NOW, timedelta(hours=1))
    assert rotated
    changed, new = rotated
    assert (changed.id, changed.name, changed.scopes) == (token.id, "shop", scopes)
    assert (changed.last_four, changed.secrets, changed.rotated_at) == (new[-4:], 1, rfc3339(NOW))
    before, after = NOW + timedelta(minutes=59), NOW + timedelta(hours=1)
    assert {await opened(accounts, one, before) for one in (old, new)} == {await accounts.get("ada")}
    assert await accounts.session_caller(token.id, 0, before)
    assert await opened(accounts, old, after) is None
    assert await accounts.session_caller(token.id, 0, after) is None
    assert await accounts.session_caller(token.id, 1, after)
    late = await accounts.caller(old, before)
    assert late
    assert late.secrets == 0
    again = await accounts.rotate_token(changed, NOW, timedelta(hours=1))
    assert again
    assert await opened(accounts, old, NOW) is None
    assert await accounts.session_caller(token.id, 0, NOW) is None
    assert await opened(accounts, new, NOW)
    with pytest.raises(Conflict):
        await accounts.create_token("ada", "start", new, now=NOW)


async def test_tokens_of_an_older_ledger_may_do_everything(accounts: Accounts, database: Database) -> None:
    _, secret = await accounts.create_token("ada", "old", now=NOW)
    found = await accounts.caller(secret, NOW)
    assert found
    assert found.scopes == EVERY_SCOPE
    (row,) = await database.fetch("SELECT dflt_value FROM pragma_table_info('tokens') WHERE name = 'scopes'")
    assert row["dflt_value"].strip("'") == spelled(EVERY_SCOPE)


async def test_an_account_that_is_disabled_opens_for_none_of_its_tokens(accounts: Accounts) -> None:
    _, secret = await accounts.create_token("ada", "laptop", now=NOW)
    disabled = await accounts.disable("ada", NOW)
    assert disabled
    assert disabled.disabled_at == rfc3339(NOW)
    assert await opened(accounts, secret, NOW) is None
    await accounts.enable("ada")
    assert await opened(accounts, secret, NOW)
    assert await accounts.disable("nobody", NOW) is None


async def test_names_that_differ_in_case_only_are_taken(accounts: Accounts) -> None:
    with pytest.raises(Conflict):
        await accounts.create_account("Ada", "user", "Ada", NOW)


async def test_use_is_noted_lazily(accounts: Accounts) -> None:
    _, secret = await accounts.create_token("ada", "laptop", now=NOW)
    await accounts.touch(NOW)
    assert (await accounts.list_tokens("ada"))[0].last_used_at is None
    await opened(accounts, secret, NOW)
    later = NOW + timedelta(minutes=1)
    await accounts.touch(later)
    await accounts.touch(later + timedelta(minutes=1))
    assert (await accounts.list_tokens("ada"))[0].last_used_at == rfc3339(later)


async def test_a_read_that_a_write_overtakes_is_not_remembered() -> None:
    recent = Recent()

    async def read() -> str:
        recent.forget()
        return "old"

    assert await recent.ask("key", read) == "old"
    assert recent.get("key") is None


async def test_memory_is_bounded() -> None:
    recent = Recent(size=2)
    for key in "abc":
        recent.put(key, key.upper())
    assert [recent.get(key) for key in "abc"] == [None, "B", "C"]
