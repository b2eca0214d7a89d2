"""Several people and an organization, with the official client; what a killed server still knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate
from replicate.exceptions import ReplicateError

from tests.e2e.projects import write_project
from tests.e2e.server import TOKEN, Server

MODEL = "acme/hello"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data").start()
    yield made
    made.stop()


def ask(server: Server, method: str, path: str, body: Any = None) -> Any:
    reply = httpx.request(
        method, f"{server.url}/v1{path}", json=body, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert reply.is_success, reply.text
    return reply.json()


def token(server: Server, account: str, *scopes: str) -> str:
    made = ask(server, "POST", f"/tokens?account={account}", {"name": "shop", "scopes": scopes or None})
    return str(made["token"])


def test_people_run_what_their_organization_has(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    for name in ("mia", "bob"):
        ask(server, "POST", "/accounts", {"username": name})
    ask(server, "POST", "/organizations", {"username": "acme"})
    ask(server, "PUT", "/organizations/acme/members/mia", {"role": "member"})
    server.push(write_project("hello", tmp_path), MODEL)
    ask(server, "PATCH", f"/models/{MODEL}", {"visibility": "private"})
    mia, bob, run, see = (
        token(server, *asked) for asked in (("mia",), ("bob",), ("acme", "run"), ("mia", "read"))
    )

    def client(secret: str) -> replicate.Client:
        return replicate.Client(api_token=secret, base_url=server.tls_url)

    for one in (mia, run):
        assert client(one).run(MODEL, input={"text": "you"}) == "hello you"
    assert client(mia).models.get(MODEL).owner == "acme"
    with pytest.raises(ReplicateError) as unknown:
        client(bob).models.get(MODEL)
    assert unknown.value.status == 404
    with pytest.raises(
        ReplicateError, match=r"lacks the scope run, which models.predictions.create needs"
    ) as refused:
        client(see).run(MODEL, input={"text": "you"})
    assert (refused.value.status, refused.value.title) == (403, "Scope missing")
    with pytest.raises(ReplicateError, match="lacks the scope push"):
        client(run).models.create("acme", "new", visibility="private", hardware="cpu")
    used = {
        account: ask(server, "GET", f"/usage?account={account}")["total"]["runs"]
        for account in ("acme", "mia", "bob")
    }
    assert used == {"acme": 1, "mia": 1, "bob": 0}
    made = [client(run).predictions.create(model=MODEL, input={"text": "late"}).id for _ in range(3)]
    server.kill()
    server.start()
    log = ask(server, "GET", "/audit?account=acme")["results"]
    told = {one["object"]: one for one in log if one["operation"].endswith("predictions.create")}
    assert told.keys() >= set(made)
    assert {told[one]["token_name"] for one in made} == {"shop"}
    others = ask(server, "GET", "/audit?account=acme&by=others")["results"]
    assert ("models.push", "mainspring") in {(one["operation"], one["account"]) for one in others}
