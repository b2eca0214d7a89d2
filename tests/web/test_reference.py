"""The API's reference as a page says what the document says."""

from __future__ import annotations

import httpx

from tests.web.test_pages import Seen


async def test_every_operation_and_type_is_there_and_links_lead_to_them(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/docs/api")
    assert page.status_code == 200
    seen = Seen(page)
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    document = (await browser.get("/openapi.json")).json()
    for path, entries in document["paths"].items():
        for method, entry in entries.items():
            assert entry["operationId"] in ids
            assert f"{method.upper().removeprefix('X-')} /v1{path}" in seen.text
    assert {f"type-{name}" for name in document["components"]["schemas"]} <= set(ids)
    for link in seen.all("a"):
        target = link["href"] or ""
        if target.startswith("#") and target != "#main":
            assert target[1:] in ids


async def test_each_operation_has_a_command_to_try_it(browser: httpx.AsyncClient) -> None:
    seen = Seen(await browser.get("/docs/api"))
    document = (await browser.get("/openapi.json")).json()
    commands = [code for code in seen.code if code.startswith("curl -s")]
    assert len(commands) == sum(len(entries) for entries in document["paths"].values())
    create = next(
        c for c in commands if c.startswith("curl -s http://box:8585/v1/predictions ") and "-d" in c
    )
    assert """-d '{"input": {"text": "Alice"}, "version": "acme/hello-world"}'""" in create
