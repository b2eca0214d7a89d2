"""Usage and limits: what was used, in numbers, as bars and as CSV; limits on their page and on all others."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from mainspring.core.ids import new_id, rfc3339
from tests.browser.conftest import MODELS, open_page
from tests.browser.test_operator import ask
from tests.browser.test_site import misfits, serious
from tests.e2e.server import Server

HELLO = "mainspring/hello-world"
USED = """
    INSERT INTO usage (id, kind, account, model, version, hardware, status, at, setup_us, idle_us, active_us, lost_us,
        price, amount, list_amount, deployment, token, output_tokens, input_tokens, instance_id)
    VALUES (?, 'prediction', 'mainspring', ?, 'v', 'cpu', ?, ?, ?, 0, 2000000, 0, 100000, ?, ?, ?,
        (SELECT id FROM tokens LIMIT 1), 12, 3, 'i')"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where seconds cost something, whose account ran 3 models on each of the last 20 days."""
    root = tmp_path_factory.mktemp("usage")
    (root / "mainspring.toml").write_text("[hardware.cpu]\nprice_per_second = 0.0001\n")
    running = Server(root / "data", private_urls=True, compare_prices=True)
    running.arguments = ("--config", str(root / "mainspring.toml"))
    running.start()
    running.push(MODELS / HELLO, HELLO)
    running.stop()
    now = datetime.now(UTC)
    with sqlite3.connect(running.data / "ledger.sqlite") as ledger:
        for day in range(20):
            at = now - timedelta(days=day, minutes=1)
            for model, status, setup, amount, deployment in (
                (HELLO, "succeeded", 0, 200, None),
                ("mainspring/slow", "failed", 0, 0, None),
                ("acme/private", "succeeded", 1_000_000, 300, "acme/prod"),
            ):
                row = (new_id(at), model, status, rfc3339(at), setup, amount, 2 * amount, deployment)
                ledger.execute(USED, row)
    ledger.close()
    yield running.start()
    running.stop()


def open_usage(page: Page) -> None:
    page.goto("/usage")
    expect(page.get_by_role("heading", name="What was used")).to_be_visible()


def sums(page: Page, key: str) -> Locator:
    page.get_by_role("tab", name=key, exact=True).click()
    table = page.get_by_role("table", name=f"Usage by {key.lower()}", exact=True)
    expect(table).to_be_visible()
    return table


def test_usage_adds_up_by_each_key_and_as_csv(page: Page) -> None:
    open_usage(page)
    page.get_by_role("tab", name="90 days").click()
    tallies = page.locator("[data-tallies]")
    expect(tallies).to_contain_text("$0.01")
    expect(tallies).to_contain_text("$0.02")
    expect(tallies).to_contain_text("20 failed")
    expect(tallies).to_contain_text("720")
    bars = page.locator(".bars rect:not(.hit)")
    expect(bars).to_have_count(90)
    assert bars.evaluate_all("(all) => all.filter((one) => one.height.baseVal.value > 0).length") == 20
    models = sums(page, "Model")
    expect(models.locator("tbody tr")).to_have_count(3)
    expect(models.locator("tbody tr").first).to_contain_text(re.compile(r"acme/private.*\$0\.006.*\$0\.012"))
    expect(sums(page, "Token")).to_contain_text("first")
    expect(sums(page, "Deployment")).to_contain_text("acme/prod")
    expect(sums(page, "Hardware").locator("tfoot")).to_contain_text("60")
    expect(sums(page, "Day").locator("tbody tr")).to_have_count(20)
    sums(page, "Model")
    with page.expect_download() as loading:
        page.get_by_role("link", name="Download CSV").click()
    with Path(loading.value.path()).open() as file:
        told = {row["model"]: row["amount"] for row in csv.DictReader(file)}
    assert told == {"acme/private": "0.006", HELLO: "0.004", "mainspring/slow": "0.00"}
    assert loading.value.suggested_filename.startswith("usage-by-model-")


def test_a_limit_is_set_told_of_on_every_page_and_lifted(page: Page, server: Server) -> None:
    open_usage(page)
    page.get_by_role("button", name="Set a limit").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Every").select_option("day")
    form.get_by_label("Refuse beyond").fill("much")
    form.get_by_role("button", name="Set").click()
    expect(form.get_by_role("alert")).to_contain_text("Write it like 5.00")
    form.get_by_label("Refuse beyond").fill("5")
    form.get_by_label("Warn at").fill("0.0001")
    form.get_by_role("button", name="Set").click()
    limit = page.locator("li", has_text="Account mainspring")
    expect(limit).to_contain_text("of $5.00")
    (told,) = ask(server, "/v1/limits")["results"]
    assert (told["period"], told["hard"], told["soft"]) == ("day", "5.00", "0.0001")
    page.goto(f"/{HELLO}")
    expect(page.locator("[data-estimate]")).to_have_text("about 2.0 s · $0.0002")
    run(page, "you")
    expect(page.locator(".state").first).to_have_text("succeeded")
    expect(page.locator("[data-result]")).to_contain_text("$")

    open_usage(page)
    limit.get_by_role("button", name="Change").click()
    form.get_by_label("Refuse beyond").fill("0")
    form.get_by_role("button", name="Save").click()
    expect(limit).to_contain_text("reached")
    page.goto(f"/{HELLO}")
    notice = page.get_by_label("Spending", exact=True)
    expect(notice).to_contain_text("The daily spending limit of $0.00 is reached")
    run(page, "me")
    expect(page.locator("[data-summary]")).to_contain_text("daily spending limit")
    page.locator("[data-summary]").get_by_role("link", name="Usage and limits").click()
    expect(notice).to_have_count(0)
    limit.get_by_role("button", name="Lift").click()
    form.get_by_role("button", name="Lift").click()
    expect(page.get_by_text("Nothing limits what is spent")).to_be_visible()
    page.goto("/")
    expect(notice).to_have_count(0)


def run(page: Page, text: str) -> None:
    page.get_by_label("text", exact=True).fill(text)
    page.get_by_role("button", name="Run").click()


def test_the_dashboard_counts_today(page: Page) -> None:
    page.goto("/predictions")
    cards = page.get_by_label("Today")
    expect(cards).to_contain_text(re.compile(r"Runs today\s*\d+"))
    expect(cards).to_contain_text(re.compile(r"Running now\s*0"))
    cards.get_by_role("link", name="$").click()
    page.wait_for_url("**/usage")


def test_limits_that_are_reached_are_accessible_on_a_phone(chromium: Browser, server: Server) -> None:
    done = server.cli("limit", "set", "--monthly", "0", "--soft", "0")
    assert done.returncode == 0, done.stderr
    page = open_page(chromium, server, color_scheme="dark", viewport={"width": 390, "height": 844})
    page.goto("/")
    expect(page.get_by_label("Spending", exact=True)).to_be_visible()
    assert serious(page) == [], "with a notice"
    open_usage(page)
    page.get_by_role("tab", name="90 days").click()
    sums(page, "Model")
    assert serious(page) == []
    assert misfits(page) == []
    page.get_by_role("button", name="Change").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert serious(page) == [], "with a form"
    assert page.faults == []  # type: ignore[attr-defined]
    page.context.close()
    server.cli("limit", "remove")
