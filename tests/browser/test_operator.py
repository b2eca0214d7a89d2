"""Who runs the platform: what ran, live and narrowed; models, files, tokens, settings."""

from __future__ import annotations

import json
import re
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Browser, Locator, Page, Route, expect

from mainspring.core.ids import new_id, rfc3339
from tests.browser.conftest import MODELS, open_page
from tests.browser.test_site import misfits, predict, serious
from tests.e2e.server import TOKEN, Server

PATHS = [
    *("/predictions", "/trainings", "/models", "/files", "/usage", "/tokens", "/settings"),
    *("/organizations", "/organizations/acme", "/accounts", "/audit"),
]
MANY = 200_000


def ask(server: Server, path: str, token: str = TOKEN, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "text/html"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}{path}", data, headers)) as reply:
        return json.load(reply)


def row(page: Page, prediction_id: str) -> Locator:
    return page.locator(f"tr[data-id='{prediction_id}']")


def chip(page: Page, name: str) -> Locator:
    return page.locator("[data-filters]").get_by_role("button", name=name, exact=True)


def test_paths_of_sections_are_pages_for_browsers_and_the_api_for_clients(page: Page, server: Server) -> None:
    page.goto("/predictions")
    expect(page.get_by_role("heading", name="Predictions")).to_be_visible()
    expect(page.get_by_role("navigation", name="Your platform").get_by_role("link")).not_to_have_count(0)
    assert "results" in ask(server, "/predictions")
    assert page.evaluate("fetch('/predictions').then((reply) => reply.json()).then((it) => 'results' in it)")


def test_who_is_not_signed_in_is_led_to_it_and_back(guest: Page) -> None:
    guest.goto("/predictions?status=failed")
    guest.get_by_label("Token").fill(TOKEN)
    guest.get_by_role("button", name="Sign in").click()
    guest.wait_for_url("**/predictions?status=failed")
    expect(chip(guest, "failed")).to_have_attribute("aria-pressed", "true")


def test_predictions_appear_and_move_on_without_a_reload(page: Page, server: Server) -> None:
    predict(server, "mainspring/hello-world", text="first")
    page.goto("/predictions")
    expect(page.locator("[data-rows] tr").first).to_be_visible()
    page.evaluate("window.stayed = true")
    made = ask(server, "/v1/predictions", body={"version": "mainspring/slow", "input": {"seconds": 3}})
    new = row(page, made["id"])
    expect(new).to_be_visible(timeout=20_000)
    expect(page.locator("[data-rows] tr").first).to_have_attribute("data-id", made["id"])
    for text in (made["id"][:12], "mainspring/slow", made["version"][:8], "API"):
        expect(new).to_contain_text(text)
    expect(new.locator(".state")).to_have_text("succeeded", timeout=30_000)
    expect(new.locator(".run")).to_contain_text("3.")
    assert page.evaluate("window.stayed")


def test_new_rows_do_not_move_what_is_read(chromium: Browser, server: Server) -> None:
    for number in range(12):
        predict(server, "mainspring/hello-world", text=str(number))
    page = open_page(chromium, server, viewport={"width": 1280, "height": 300})
    page.goto("/predictions")
    read = page.locator("[data-rows] a.row").nth(8)
    read.scroll_into_view_if_needed()
    read.focus()
    mine = page.locator("[data-rows] tr").nth(8).get_attribute("data-id")
    assert mine is not None
    held = row(page, mine)
    before = held.bounding_box()
    made = predict(server, "mainspring/hello-world", text="new")
    expect(row(page, made["id"])).to_be_attached(timeout=20_000)
    after = held.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    expect(held.locator("a.row")).to_be_focused()
    page.get_by_role("button", name="1 new").click()
    expect(row(page, made["id"])).to_be_in_viewport()
    page.context.close()


def test_filters_narrow_the_list_and_stay_in_the_address(page: Page, server: Server) -> None:
    good, bad = predict(server, "mainspring/hello-world", text="a"), predict(server, "mainspring/broken")
    page.goto("/predictions")
    expect(row(page, good["id"])).to_be_visible()
    chip(page, "failed").click()
    expect(row(page, good["id"])).to_have_count(0)
    expect(row(page, bad["id"])).to_be_visible()
    assert page.url.endswith("/predictions?status=failed")
    page.get_by_label("Model", exact=True).select_option("mainspring/broken")
    chip(page, "last hour").click()
    expect(row(page, bad["id"])).to_be_visible()
    assert page.url.endswith("?status=failed&since=1h&model=mainspring/broken")
    page.reload()
    expect(row(page, bad["id"])).to_be_visible()
    expect(page.locator("[data-rows] tr:not([data-state=failed])")).to_have_count(0)
    chip(page, "Web").click()
    expect(page.get_by_text("No prediction is like that.")).to_be_visible()
    page.go_back()
    expect(row(page, bad["id"])).to_be_visible()
    chip(page, "Clear").click()
    expect(row(page, good["id"])).to_be_visible()
    assert page.url.endswith("/predictions")


def test_the_list_is_narrowed_to_what_a_token_made(page: Page, server: Server) -> None:
    other = ask(server, "/v1/tokens", body={"name": "nightly"})
    asked = {"version": "mainspring/hello-world", "input": {"text": "t"}}
    mine = predict(server, "mainspring/hello-world", text="m")
    theirs = ask(server, "/v1/predictions", other["token"], asked)
    page.goto("/predictions")
    expect(row(page, mine["id"])).to_be_visible()
    page.get_by_label("Token", exact=True).select_option("nightly")
    expect(row(page, mine["id"])).to_have_count(0)
    expect(row(page, theirs["id"])).to_be_visible()
    assert page.url.endswith(f"?token={other['id']}")
    page.reload()
    expect(page.get_by_label("Token", exact=True).locator("option:checked")).to_have_text("nightly")
    expect(page.locator("[data-rows] tr")).to_have_count(1)


def test_rows_that_no_longer_fit_the_filter_leave(page: Page, server: Server) -> None:
    made = ask(server, "/v1/predictions", body={"version": "mainspring/slow", "input": {"seconds": 60}})
    page.goto("/predictions?status=processing")
    expect(row(page, made["id"])).to_be_visible(timeout=30_000)
    ask(server, f"/v1/predictions/{made['id']}/cancel", body={})
    expect(row(page, made["id"])).to_have_count(0, timeout=20_000)


def test_rows_are_walked_by_keys(page: Page, server: Server) -> None:
    made = [predict(server, "mainspring/hello-world", text="k") for _ in range(3)]
    page.goto("/predictions")
    row(page, made[2]["id"]).locator("a.row").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/p/{made[1]['id']}")


def test_the_whole_row_is_a_link(page: Page, server: Server) -> None:
    made = predict(server, "mainspring/hello-world", text="k")
    page.goto("/predictions")
    row(page, made["id"]).locator(".source").click(force=True)
    page.wait_for_url(f"**/p/{made['id']}")


def test_a_cost_is_shown_where_a_reply_has_one(page: Page, server: Server) -> None:
    made = predict(server, "mainspring/hello-world", text="k")
    page.goto("/predictions")
    expect(row(page, made["id"])).to_be_visible()
    expect(page.get_by_role("columnheader", name="Cost")).to_have_count(0)
    found = ask(server, "/v1/predictions?brief=true")
    found["results"][0]["cost"] = {"amount": "0.0042", "at_replicate": "0.01"}
    page.route("**/v1/predictions?*", lambda route: route.fulfill(json=found))
    page.reload()
    expect(page.get_by_role("columnheader", name="Cost")).to_be_visible()
    expect(row(page, made["id"]).locator(".cost")).to_have_text("$0.0042")
    expect(row(page, made["id"]).locator(".cost")).to_have_attribute("title", re.compile("at Replicate"))


def test_trainings_lead_to_what_they_made(page: Page, server: Server) -> None:
    done = server.cli(
        "train",
        "mainspring/imitator",
        "-d",
        "mainspring/imitator",
        "-i",
        f"text=@{MODELS / 'mainspring' / 'imitator' / 'README.md'}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page.goto("/trainings")
    first = page.locator("[data-rows] tr").first
    expect(first.locator(".state")).to_have_text("succeeded")
    first.locator(".made a").click()
    page.wait_for_url("**/mainspring/imitator/versions/*")
    made = predict(server, "mainspring/hello-world", text="not a training")
    page.goto("/predictions")
    expect(row(page, made["id"])).to_be_visible()


def test_a_token_is_shown_once_and_can_be_disabled(page: Page, server: Server) -> None:
    page.goto("/tokens")
    page.get_by_label("Name").fill("for the test")
    page.get_by_role("button", name="Create token").click()
    secret = page.get_by_label("The new token", exact=True).get_by_role("region").inner_text()
    assert ask(server, "/v1/account", secret)["username"] == "mainspring"
    page.get_by_role("button", name="Done").click()
    page.reload()
    made = page.locator("tr", has_text="for the test")
    expect(made).to_contain_text(f"…{secret[-4:]}")
    expect(made).to_contain_text("active")
    expect(made).not_to_contain_text("never")
    assert secret not in page.content()
    made.get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(made).to_contain_text("active")
    made.get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(made).to_contain_text("disabled")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(server, "/v1/account", secret)


@pytest.mark.parametrize("asked", ["before", "after"])
def test_a_token_is_listed_once_however_late_the_list_comes(page: Page, asked: str) -> None:
    held: list[Route] = []
    told: list[APIResponse] = []

    def hold(route: Route) -> None:
        if route.request.method != "GET" or held:
            route.continue_()
            return
        held.append(route)
        if asked == "before":
            told.append(route.fetch())

    page.route(re.compile("/v1/tokens$"), hold)
    page.goto("/tokens")
    page.get_by_label("Name").fill(f"asked {asked}")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("button", name="Done")).to_be_visible()
    held[0].fulfill(response=told[0] if told else held[0].fetch())
    expect(page.locator("tbody tr").nth(1)).to_be_visible()
    expect(page.locator("tr", has_text=f"asked {asked}")).to_have_count(1)


def test_an_organization_its_people_and_a_token_of_its_own(page: Page, server: Server) -> None:
    page.goto("/accounts")
    page.get_by_label("New account").fill("ada")
    page.get_by_role("button", name="Create account").click()
    ada = page.get_by_label("The new token", exact=True).get_by_role("region").inner_text()
    page.goto("/organizations")
    page.get_by_label("New organization").fill("acme")
    page.get_by_role("button", name="Create organization").click()
    page.get_by_role("link", name="acme", exact=True).click()
    page.get_by_label("Add somebody").fill("ada")
    page.get_by_role("button", name="Add", exact=True).click()
    role = page.get_by_label("Role of ada")
    role.select_option("viewer")
    page.reload()
    expect(role).to_have_value("viewer")
    assert ask(server, "/v1/organizations", ada)["results"][0]["role"] == "viewer"
    page.get_by_label("Account", exact=True).select_option("acme")
    page.wait_for_url("**/organizations/acme?account=acme")
    page.goto("/tokens?account=acme")
    page.get_by_label("Name").fill("shop")
    page.get_by_role("checkbox", name="admin").uncheck()
    page.get_by_label("Expires").select_option("30d")
    page.get_by_label("Monthly limit in USD").fill("5")
    page.get_by_role("button", name="Create token").click()
    shown = page.get_by_label("The new token", exact=True).get_by_role("region")
    first = shown.inner_text()
    made = page.locator("tr", has_text="shop")
    for text in ("read run push", "$5.00 a month", "active"):
        expect(made).to_contain_text(text)
    assert ask(server, "/v1/account", first)["username"] == "acme"
    page.get_by_role("button", name="Rotate shop").click()
    page.get_by_role("button", name="Rotate", exact=True).click()
    expect(shown).not_to_have_text(first)
    assert ask(server, "/v1/account", shown.inner_text())["username"] == "acme"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(server, "/v1/account", first)
    page.goto("/audit?account=acme")
    page.get_by_role("tab", name="By others").click()
    expect(page.locator("tr", has_text="tokens.rotate")).to_contain_text("mainspring")


def test_files_are_put_in_read_and_deleted(page: Page, tmp_path: Path) -> None:
    note = tmp_path / "a note.txt"
    note.write_text("remember")
    page.goto("/files")
    page.get_by_label("Upload", exact=True).set_input_files(note)
    line = page.locator("tr", has_text="a note.txt").first
    expect(line).to_contain_text("8 B")
    expect(page.get_by_role("status").first).to_contain_text("Uploaded a note.txt")
    with page.expect_download() as loading:
        line.get_by_role("link", name="a note.txt").click()
    assert Path(loading.value.path()).read_text() == "remember"
    page.reload()
    line.get_by_role("button", name="Delete a note.txt").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("tr", has_text="a note.txt")).to_have_count(0)


def test_models_and_settings_say_what_there_is(page: Page, server: Server) -> None:
    page.goto("/models")
    expect(page.locator("tr", has_text="mainspring/slow")).to_contain_text("public")
    page.get_by_role("link", name="Predictions of slow").click()
    page.wait_for_url("**/predictions?model=mainspring/slow")
    page.goto("/settings")
    for name, value in (
        ("username", "mainspring"),
        ("retention_s", "1 h"),
        ("max_upload", "100 MiB"),
        ("HTTP", str(server.port)),
    ):
        expect(page.locator("tr", has=page.get_by_role("rowheader", name=name, exact=True))).to_contain_text(
            value
        )


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1280)])
def test_nothing_is_seriously_inaccessible_or_too_wide(
    chromium: Browser, server: Server, theme: str, width: int
) -> None:
    predict(server, "mainspring/hello-world", text="k")
    page = open_page(chromium, server, color_scheme=theme, viewport={"width": width, "height": 844})
    for path in (*PATHS, "/predictions?status=aborted"):
        page.goto(path)
        expect(page.locator("[data-asking]:visible")).to_have_count(0)
        assert serious(page) == [], path
        assert misfits(page) == [], path
    page.goto("/tokens")
    page.get_by_label("Name").fill("axe")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("button", name="Done")).to_be_visible()
    page.locator("tr", has_text="axe").first.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert serious(page) == [], "with a question"
    assert page.faults == []  # type: ignore[attr-defined]
    page.context.close()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose account has made MANY predictions."""
    server = Server(tmp_path_factory.mktemp("full") / "data").start()
    server.stop()
    first = datetime(2026, 1, 1, tzinfo=UTC)
    with sqlite3.connect(server.data / "ledger.sqlite") as ledger:
        ledger.executemany(
            "INSERT INTO predictions (id, account, model, version, queue, source, status, input, output,"
            " created_at, started_at, completed_at)"
            " VALUES (?, 'mainspring', ?, ?, 'q', 'api', ?, ?, '\"out\"', ?, ?, ?)",
            (_old(first + timedelta(seconds=60 * number), number) for number in range(MANY)),
        )
    ledger.close()
    yield server.start()
    server.stop()


def _old(at: datetime, number: int) -> tuple[str, ...]:
    status = "failed" if number % 50_000 == 7 else "succeeded"
    model = "mainspring/rare" if number % 100_000 == 9 else f"mainspring/m{number % 5}"
    when = rfc3339(at)
    return (new_id(at), model, "f" * 64, status, '{"text":"' + "x" * 200 + '"}', when, when, when)


def test_it_is_quick_with_200_000_rows(chromium: Browser, full: Server) -> None:
    page = open_page(chromium, full, viewport={"width": 1280, "height": 900})
    page.goto("/predictions")
    rows = page.locator("[data-rows] tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show older").click()
    expect(rows).to_have_count(100)
    chip(page, "failed").click()
    expect(rows).to_have_count(4)
    page.goto("/predictions?model=mainspring/rare")
    expect(rows).to_have_count(2)
    timed = """async (query) => {
      const began = performance.now();
      const reply = await fetch(`/v1/predictions?brief=true&limit=50${query}`);
      await reply.json();
      return performance.now() - began;
    }"""
    for query in (
        "",
        "&status=failed",
        "&status=processing",
        "&model=mainspring/none",
        "&source=web",
        "&created_before=2026-01-02T00:00:00Z",
        "&deployment=mainspring/none",
    ):
        assert min(page.evaluate(timed, query) for _ in range(3)) < 400, query
    page.context.close()
