"""hello-world, by coglet as it is."""

from __future__ import annotations

from .serving import Serve, example


async def test_greets(serve_here: Serve) -> None:
    model = await serve_here("mainspring/hello-world")
    assert await model.output(**example("mainspring/hello-world")) == "hello world"
    assert await model.output(text="Ångström ⚙") == "hello Ångström ⚙"
    refused = await model.client.post("/predictions", json={"input": {}})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "input", "text"]
