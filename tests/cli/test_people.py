"""Accounts, organizations, tokens, the audit log and other lists from the command line, against the real API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from mainspring.settings import Settings
from tests.api.house import House
from tests.api.served import Served, serve

Cli = Callable[..., Result]


async def nothing(house: House) -> None:
    """ada is the operator, bob a user."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    root = tmp_path / "house"
    root.mkdir()
    with serve(root, Settings(data=root, account="ada"), nothing) as found:
        monkeypatch.setenv("MAINSPRING_URL", found.url)
        monkeypatch.setenv("MAINSPRING_TOKEN", found.tokens["ada"])
        yield found
        assert found.faults == []


def fine(done: Result) -> str:
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_an_operator_makes_accounts_and_an_organization(
    served: Served, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = fine(cli("account", "create", "eve", "--name", "Eve", "--expires", "90d"))
    assert eve.startswith("ms_")
    assert "Eve" in fine(cli("account", "list"))
    fine(cli("org", "create", "acme", "--name", "Acme", "--owner", "eve"))
    assert "acme" in fine(cli("org", "list"))
    monkeypatch.setenv("MAINSPRING_TOKEN", eve)
    fine(cli("org", "members", "add", "acme", "bob", "--role", "viewer"))
    done = cli("org", "members", "role", "acme", "bob", "member")
    assert "bob is a member of acme." in done.stderr
    people = json.loads(fine(cli("org", "members", "list", "acme", "--json")))
    assert {one["account"]: one["role"] for one in people} == {"bob": "member", "eve": "owner"}
    fine(cli("org", "rename", "acme", "Acme, Inc."))
    assert "Acme, Inc." in fine(cli("org", "show", "acme"))
    shop = fine(cli("token", "create", "shop", "--account", "acme", "--scope", "run"))
    fine(cli("org", "members", "remove", "acme", "bob"))
    refused = cli("org", "members", "remove", "acme", "eve")
    assert refused.exit_code == 1
    assert "last owner of acme" in refused.stderr
    assert cli("org", "create", "other").exit_code == 1
    monkeypatch.setenv("MAINSPRING_TOKEN", shop)
    assert fine(cli("account", "show")).startswith("acme")
    lacking = cli("token", "list")
    assert lacking.exit_code == 1
    assert "lacks the scope admin" in lacking.stderr
    monkeypatch.setenv("MAINSPRING_TOKEN", served.tokens["ada"])
    fine(cli("account", "disable", "eve"))
    assert "disabled" in fine(cli("account", "list"))
    monkeypatch.setenv("MAINSPRING_TOKEN", eve)
    assert cli("account", "show").exit_code == 1


def test_a_token_is_made_shown_rotated_renamed_and_disabled(
    served: Served, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cli("token", "create", "shop", "--scope", "run", "--expires", "30d", "--monthly", "20")
    old = fine(made)
    assert "read run, until " in made.stderr
    (token,) = [one for one in json.loads(fine(cli("token", "list", "--json"))) if one["name"] == "shop"]
    assert "20.00" in fine(cli("limit", "show"))
    rotated = cli("token", "rotate", token["id"], "--grace", "1h")
    new = fine(rotated)
    assert new != old
    assert "the old one works until" in rotated.stderr
    fine(cli("token", "rename", token["id"], "the shop"))
    shown = fine(cli("token", "show", token["id"]))
    assert f"{token['id']}  the shop" in shown
    assert "read run" in shown
    fine(cli("token", "disable", token["id"]))
    assert "disabled" in fine(cli("token", "list"))
    monkeypatch.setenv("MAINSPRING_TOKEN", new)
    assert cli("account", "show").exit_code == 1
    monkeypatch.setenv("MAINSPRING_TOKEN", served.tokens["ada"])
    assert cli("token", "show", "nothing").exit_code == 1
    log = fine(cli("audit", "--since", "36500d"))
    for word in (
        "tokens.create",
        "tokens.rotate",
        "tokens.update",
        "tokens.disable",
        token["id"],
        "127.0.0.1",
    ):
        assert word in log
    assert new not in log
    rows = json.loads(fine(cli("audit", "--operation", "tokens.rotate", "--json")))
    assert [(one["object"], one["status"]) for one in rows] == [(token["id"], 201)]
    assert cli("audit", "--others", "--everybody").exit_code == 2
    assert cli("audit", "--since", "soon").exit_code == 2
    assert "nothing" in cli("audit", "--others").stderr


def test_a_list_is_a_table_for_people_and_json_for_programs(served: Served, cli: Cli) -> None:
    assert "mainspring collection put" in cli("collection", "list").stderr
    assert fine(cli("collection", "list", "--json")) == "[]"
    fine(cli("collection", "put", "speech", "--name", "Sprache\x1b]0;owned\x07, gehört"))
    assert fine(cli("collection", "list")).splitlines()[1].split() == ["speech", "Sprache,", "gehört"]
    assert '"name": "Sprache\\u001b]0;owned\\u0007, gehört"' in fine(cli("collection", "list", "--json"))
    for words in (["deployment", "list"], ["webhook", "dead"], ["limit", "show"], ["cache", "show"]):
        told = cli(*words)
        assert (fine(told), bool(told.stderr)) == ("", True), words
    for words in (["alias", "list"], ["catalog", "list"], ["usage"], ["account", "list"], ["org", "list"]):
        head = fine(cli(*words)).splitlines()[0].split()
        assert len(head) > 2, words
        json.loads(fine(cli(*words, "--json")))
