"""The fleet as who runs the platform sees it: instances, the machine, what waits; logs, and stopping one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import open_page
from tests.browser.test_operator import ask
from tests.browser.test_site import misfits, predict, serious
from tests.e2e.server import Server


def test_an_instance_is_seen_read_and_stopped(page: Page, server: Server) -> None:
    predict(server, "mainspring/maker", what="picture")
    page.goto("/fleet")
    page.evaluate("window.stayed = true")
    for name in ("Cores", "Memory"):
        expect(page.locator(".machine li", has_text=name)).to_contain_text("set aside")
    gpus = page.locator(".machine li", has_text="GPU")
    expect(gpus).to_have_count(2)
    for told in ("GPU 1", "Simulated GPU", "0 B of 25.8 GB", "0 B set aside", "0 instances"):
        expect(gpus.last).to_contain_text(told)
    (instance, *_) = [
        one for one in ask(server, "/v1/fleet")["instances"] if one["model"] == "mainspring/maker"
    ]
    line = page.locator(f"tr[data-id='{instance['id']}']")
    for text in ("ready", instance["version"][:8], instance["hardware"], "0 / 1", instance["cause"]):
        expect(line).to_contain_text(text)
    line.get_by_role("button", name="Setup logs").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(instance["id"])
    dialog.get_by_role("button", name="Close").click()
    expect(line.get_by_role("button", name="Setup logs")).to_be_focused()
    line.get_by_role("button", name="Stop").click()
    dialog.get_by_role("button", name="Close").click()
    expect(line).to_contain_text("ready")
    line.get_by_role("button", name="Stop").click()
    dialog.get_by_role("button", name="Stop").click()
    page.get_by_text("Ended in the last week").click()
    gone = page.locator(f"[data-ended] tr[data-id='{instance['id']}']")
    expect(gone).to_contain_text("stopped by hand", timeout=30_000)
    expect(gone.get_by_role("button", name="Stop")).to_have_count(0)
    assert page.evaluate("window.stayed")


def test_what_waits_is_told(page: Page, server: Server) -> None:
    made = [
        ask(server, "/v1/predictions", body={"version": "mainspring/slow", "input": {"seconds": 60}})["id"]
        for _ in range(12)
    ]
    page.goto("/fleet")
    line = page.locator("[data-queues] tr", has_text="mainspring/slow")
    expect(line).to_be_visible(timeout=20_000)
    line.get_by_role("link").click(force=True)
    page.wait_for_url("**/predictions?status=starting&model=mainspring/slow")
    expect(page.locator("[data-rows] tr").first).to_contain_text("mainspring/slow")
    last = page.context.new_page()
    last.goto(f"/p/{made[-1]}")
    expect(last.locator(".waiting")).to_have_text(re.compile(r"^\d+(st|nd|rd|th) in line"))
    expect(last.locator(".timeline-bar [data-part=queued]")).to_be_visible()
    for one in made:
        ask(server, f"/v1/predictions/{one}/cancel", body={})
    expect(last.locator(".state[data-state=canceled]")).to_be_visible()
    expect(last.get_by_role("region", name="Preview")).to_contain_text("canceled before it gave anything")
    last.close()
    expect(page.get_by_text("No prediction is like that.")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1280)])
def test_nothing_is_seriously_inaccessible_or_too_wide(
    chromium: Browser, server: Server, theme: str, width: int
) -> None:
    predict(server, "mainspring/hello-world", text="k")
    page = open_page(chromium, server, color_scheme=theme, viewport={"width": width, "height": 844})
    page.goto("/fleet")
    page.get_by_role("button", name="Setup logs").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert serious(page) == [], "with logs"
    page.get_by_role("button", name="Close").click()
    assert serious(page) == []
    assert misfits(page) == []
    assert page.faults == []  # type: ignore[attr-defined]
    page.context.close()
