"""The audit log over HTTP: every change has its entry, with who, what, when, from where and what became of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.api.app import operations
from mainspring.listeners import serving_on
from mainspring.services.certificates import ensure_certificates, local_names
from tests.api.people import organized
from tests.api.test_access import CLOSED, ask


async def entries(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    reply = await client.get("/audit", params=params)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["results"]
    return found


async def test_an_entry_says_who_what_when_from_where_and_what_became_of_it(tmp_path: Path) -> None:
    async with (
        organized(tmp_path / "house") as house,
        house.client("mia") as mia,
        house.client("olga") as olga,
    ):
        made = (await mia.post("/predictions", json={"version": "acme/closed", "input": {}})).json()
        house.pass_time(60)
        assert (await mia.post("/tokens?account=acme", json={})).status_code == 403
        assert (await mia.post("/predictions", json={"version": "no/such", "input": {}})).status_code == 422
        assert (await olga.get("/audit")).json()["results"] == []
        (token,) = await house.context.accounts.list_tokens("mia")
        assert (await mia.get("/audit")).json()["results"][-1] == {
            "id": (await entries(olga, account="acme", by="others"))[-1]["id"],
            "at": "2026-05-01T12:00:00.000000Z",
            "account": "mia",
            "token": token.id,
            "token_name": "test",
            "operation": "predictions.create",
            "object": made["id"],
            "owner": "acme",
            "source": "api",
            "address": "127.0.0.1",
            "status": 201,
        }
        told = [(one["operation"], one["status"]) for one in await entries(mia)]
        assert sorted(told[:2]) == [("predictions.create", 422), ("tokens.create", 403)]
        refused = (await entries(olga, account="acme", by="others", operation="tokens.create"))[0]
        assert (refused["account"], refused["status"], refused["owner"]) == ("mia", 403, "acme")
        assert len(await entries(mia, token=token.id, since="2026-05-01T12:00:30Z")) == 2
        assert len(await entries(mia, until="2026-05-01T12:00:30Z")) == 1
        assert (await mia.get("/audit?since=yesterday")).status_code == 400
        assert (await mia.get("/audit?by=everybody")).status_code == 403
        async with house.client("root") as root:
            everybody = await entries(root, by="everybody")
            assert [one["account"] for one in everybody].count("mia") == 3
            assert len(await entries(root, account="mia")) == 3
        page = (await mia.get("/audit?limit=2")).json()
        assert len(page["results"]) == 2
        assert len((await mia.get(page["next"].partition("/v1")[2])).json()["results"]) == 1


async def test_every_change_has_an_entry_and_no_secret_is_in_it(tmp_path: Path) -> None:
    async with organized(tmp_path / "house") as house:
        secrets = [*house.tokens.values()]
        for operation in [
            one for one in CLOSED if one.id not in ("tokens.disable", "organizations.members.remove")
        ]:
            for name in ("root", "olga"):
                reply = await ask(house, operation, name)
                if operation.id in ("tokens.create", "tokens.rotate") and reply.status_code == 201:
                    secrets.append(reply.json()["token"])
        async with house.client("root") as root:
            found = await entries(root, by="everybody")
            while (cursor := len(found)) and len(found) % 100 == 0:
                more = await entries(root, by="everybody", until=found[-1]["at"])
                found += more
                assert len(found) > cursor
        done = {one.id for one in operations() if one.changes and not one.open}
        left_out = {"tokens.disable", "organizations.members.remove"}
        assert {one["operation"] for one in found} == done - left_out
        assert all(one["status"] for one in found)
        text = str(found)
        assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize(("proxies", "address"), [("", "10.0.0.1"), ("10.0.0.0/8", "203.0.113.9")])
async def test_proxies_are_believed_only_where_that_is_set(
    tmp_path: Path, proxies: str, address: str
) -> None:
    async with organized(tmp_path / "house") as house:
        found = ensure_certificates(tmp_path, local_names("127.0.0.1"))
        plain, _ = serving_on(house.app, found.cert_file, found.key_file, proxies)
        plain.config.load()
        transport = httpx.ASGITransport(plain.config.loaded_app, client=("10.0.0.1", 1))
        headers = {"Authorization": f"Bearer {house.tokens['olga']}", "X-Forwarded-For": "203.0.113.9"}
        async with httpx.AsyncClient(transport=transport, base_url="http://box/v1", headers=headers) as olga:
            await olga.patch("/account", json={"name": "x"})
            assert [one["address"] for one in await entries(olga)] == [address]


async def test_what_was_done_is_told_though_the_log_could_not_say_so(tmp_path: Path) -> None:
    async with organized(tmp_path / "house") as house, house.client("olga") as olga:

        async def full(entry: Any) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        house.context.audit.end = full  # type: ignore[method-assign]
        assert (await olga.patch("/account", json={"name": "x"})).json()["name"] == "x"
        (entry,) = await entries(olga)
        assert (entry["operation"], entry["status"]) == ("account.update", None)


async def test_a_broken_handler_is_in_the_log_too(tmp_path: Path) -> None:
    async with organized(tmp_path / "house") as house, house.client("olga") as olga:

        async def broken(*args: Any, **given: Any) -> Any:
            raise RuntimeError("a fault")

        house.context.accounts.rename = broken  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            await olga.patch("/account", json={"name": "x"})
        (entry,) = await entries(olga)
        assert (entry["operation"], entry["status"]) == ("account.update", 500)
