"""What owners do: deployments, figures, settings, trainings, sharing, examples, webhooks, collections."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import open_page
from tests.browser.test_site import misfits, predict, serious
from tests.e2e.server import TOKEN, Server
from tests.ports import free_port

HELLO = "mainspring/hello-world"
SLOW_MS = 60_000


def call(server: Server, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Prefer": "wait"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}/v1{path}", data, headers, method=method)
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read() or b"null")


def deploy(server: Server, name: str, **numbers: int) -> None:
    version = call(server, "GET", f"/models/{HELLO}")["latest_version"]["id"]
    sizes = {"min_instances": 0, "max_instances": 1, **numbers}
    call(
        server,
        "POST",
        "/deployments",
        {"name": name, "model": HELLO, "version": version, "hardware": "cpu", **sizes},
    )


@pytest.fixture(scope="module")
def deployment(server: Server) -> str:
    """A deployment with one release."""
    deploy(server, "shown")
    return "mainspring/shown"


def test_a_deployment_from_its_form_to_its_end(page: Page) -> None:
    page.goto("/deployments")
    page.get_by_role("button", name="Create a deployment").first.click()
    form = page.get_by_role("dialog", name="Create a deployment")
    form.get_by_label("Name", exact=True).fill("prod")
    form.get_by_label("Model").fill(HELLO)
    form.get_by_label("Model").blur()
    expect(form.get_by_label("Version")).to_contain_text("newest")
    form.get_by_label("Most instances").fill("2")
    form.get_by_role("button", name="Create").click()
    page.wait_for_url("**/deployments/mainspring/prod")
    expect(page.locator("[data-chips]")).to_contain_text("0–2 instances")
    page.get_by_role("link", name="Open in the playground").click()
    page.get_by_label("text", exact=True).fill("prod")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".state[data-state=succeeded]")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("link", name="Open", exact=True).click()
    page.locator(".facts").get_by_role("link", name="mainspring/prod").click()
    expect(page.locator(".plots path, .plots circle").first).to_be_attached()
    expect(page.locator("[data-figures] .facts")).to_contain_text("Runs1")
    page.get_by_role("button", name="Change release").click()
    page.get_by_role("dialog").get_by_label("Most instances").fill("3")
    page.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(page.locator("[data-releases] tr")).to_have_count(2)
    expect(page.get_by_role("button", name="Run again: release 1")).to_be_visible()
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text("It is disabled:")).to_be_visible()
    expect(page.locator("[data-census]")).to_contain_text("Idle0", timeout=SLOW_MS)
    _wait_until_ended(page, "mainspring/prod")
    page.get_by_role("button", name="Delete the deployment").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/deployments")
    expect(page.get_by_role("link", name="prod", exact=True)).to_have_count(0)


def _wait_until_ended(page: Page, deployment: str) -> None:
    """Until none of its instances is left: one that stops counts as nothing on the page, but is there."""
    page.evaluate(
        """async (deployment) => {
          const here = async () => (await (await fetch("/v1/fleet")).json()).instances;
          const left = async () => (await here()).some((one) => one.deployment === deployment);
          while (await left()) await new Promise((later) => setTimeout(later, 100));
        }""",
        deployment,
    )


def test_a_release_that_is_refused_says_why_in_its_form(page: Page, deployment: str) -> None:
    page.goto(f"/deployments/{deployment}")
    page.get_by_role("button", name="Change release").click()
    form = page.get_by_role("dialog", name="Change release")
    expect(form.get_by_label("Hardware")).to_have_value("cpu")
    form.get_by_label("Fewest instances").fill("3")
    form.get_by_role("button", name="Release").click()
    expect(form.get_by_role("alert")).to_contain_text("max_instances")
    form.get_by_role("button", name="Close").click()
    expect(page.locator("[data-releases] tr")).to_have_count(1)


def test_figures_are_drawn_and_told(page: Page, server: Server) -> None:
    before = call(server, "GET", f"/models/{HELLO}/metrics")["total"]["runs"]
    predict(server, HELLO, text="one")
    page.goto(f"/{HELLO}/metrics")
    runs = page.locator("[data-figures] .facts div", has_text="Runs").locator("dd")
    expect(runs).to_have_text(str(before + 1))
    latency = page.get_by_role("figure", name="Latency")
    expect(latency.locator(".plot-end")).to_have_count(2)
    expect(latency.get_by_role("row")).to_have_count(61)
    assert "none" in latency.get_by_role("row").nth(1).inner_text()
    expect(latency.get_by_role("row").filter(has_text=re.compile("[0-9] m?s")).first).to_be_attached()
    latency.locator("svg").hover()
    expect(latency.locator(".plot-now")).to_contain_text("median none")
    page.get_by_role("tab", name="24 hours").click()
    expect(latency.get_by_role("row")).to_have_count(49)


def test_settings_are_kept_and_faults_told_at_their_field(page: Page, server: Server) -> None:
    body = {"owner": "mainspring", "name": "passing", "visibility": "private", "hardware": "cpu"}
    call(server, "POST", "/models", body)
    page.goto("/mainspring/passing/settings")
    page.get_by_label("Description").fill("Comes and goes")
    page.get_by_label("Keep data for").fill("soon")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Keep data for")).to_be_focused()
    expect(page.locator("[data-fault=retention]")).to_contain_text("duration")
    page.get_by_label("Keep data for").fill("24h")
    page.get_by_label("Most instances").fill("4")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    found = call(server, "GET", "/models/mainspring/passing")
    assert (found["description"], found["scaling"]["max_instances"]) == ("Comes and goes", 4)
    page.reload()
    expect(page.get_by_label("Keep data for")).to_have_value("1d")
    page.get_by_role("button", name="Delete the model").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("mainspring/other")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not the model’s name")
    dialog.get_by_role("textbox").fill("mainspring/passing")
    dialog.get_by_role("button", name="Delete for good").click()
    page.wait_for_url(re.compile(r":\d+/$"))
    assert page.request.get("/mainspring/passing").status == 404


def test_owners_tabs_are_for_owners(guest: Page) -> None:
    guest.goto(f"/{HELLO}")
    expect(guest.get_by_role("link", name="Settings")).to_have_count(0)
    for tab in ("settings", "metrics"):
        guest.goto(f"/{HELLO}/{tab}")
        expect(guest.get_by_label("Token")).to_be_visible()


def test_a_training_becomes_a_version(page: Page) -> None:
    page.goto("/mainspring/imitator/train")
    page.get_by_label("Destination").fill("mainspring/writer")
    page.get_by_role("button", name="Train").click()
    expect(page.locator("[data-name=text] .fault")).to_contain_text("required")
    letters = "".join(f"The spring drives wheel {n}. " for n in range(40))
    page.get_by_label("text", exact=True).set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": letters.encode()}
    )
    page.get_by_label("epochs", exact=True).fill("1")
    page.get_by_role("button", name="Train").click()
    expect(page.locator(".result .state[data-state=succeeded]")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator("[data-rows] tr", has_text="mainspring/writer")).to_have_count(1)
    page.get_by_role("link", name="Try the new version").click()
    page.wait_for_url("**/mainspring/writer/versions/*")


def test_a_prediction_is_shared_and_no_longer(page: Page, chromium: Browser, server: Server) -> None:
    made = predict(server, HELLO, text="everybody")
    page.goto(f"/p/{made['id']}")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("dialog").get_by_role("button", name="Make a link").click()
    link = page.locator("[data-sharing] a").get_attribute("href")
    assert link is not None
    guest = open_page(chromium, server, signed_in=False)
    guest.goto(link)
    expect(guest.locator("main")).to_contain_text("hello everybody")
    guest.get_by_role("link", name="Try it in the playground").click()
    expect(guest.get_by_label("text", exact=True)).to_have_value("everybody")
    page.get_by_role("button", name="Stop sharing").click()
    expect(page.get_by_role("button", name="Share")).to_be_visible()
    assert guest.request.get(link).status == 404
    guest.context.close()


def test_data_is_deleted_at_once(page: Page, server: Server) -> None:
    made = predict(server, HELLO, text="forget me")
    page.goto(f"/p/{made['id']}")
    page.get_by_role("button", name="Delete data").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("main")).to_contain_text("The input was removed")
    expect(page.get_by_role("button", name="Share")).to_have_count(0)
    assert "forget me" not in page.locator("main").inner_text()


def test_examples_are_saved_chosen_and_removed(page: Page, guest: Page, server: Server) -> None:
    first, second = (predict(server, "mainspring/tokens", prompt=word, count=1) for word in ("one ", "two "))
    page.goto(f"/p/{first['id']}")
    page.get_by_role("button", name="Save as example").click()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.goto(f"/p/{second['id']}")
    page.get_by_role("button", name="Save as example").click()
    page.get_by_label("Make it the default").check()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved with the model")).to_be_visible()
    guest.goto("/mainspring/tokens")
    expect(guest.get_by_label("prompt", exact=True)).to_have_value("two ")
    expect(guest.get_by_role("region", name="Preview")).to_contain_text("two")
    page.goto("/mainspring/tokens/examples")
    expect(page.locator(".example")).to_have_count(2)
    page.locator(".example", has_text="one").get_by_role("link", name="Open in the playground").click()
    expect(page.get_by_label("prompt", exact=True)).to_have_value("one ")
    page.go_back()
    page.get_by_role("button", name="Make it the default").click()
    expect(page.locator(".example", has_text="one")).to_contain_text("default")
    for left in (1, 0):
        page.get_by_role("button", name="Remove").first.click()
        expect(page.locator(".example")).to_have_count(left)


def test_webhooks_are_told_and_sent_again(page: Page, server: Server) -> None:
    version = call(server, "GET", f"/models/{HELLO}")["latest_version"]["id"]
    hook = f"http://127.0.0.1:{free_port()}/hook"
    body = {
        "version": version,
        "input": {"text": "hook"},
        "webhook": hook,
        "webhook_events_filter": ["completed"],
    }
    made = call(server, "POST", "/predictions", body)
    page.goto(f"/p/{made['id']}")
    deliveries = page.get_by_role("region", name="Webhook deliveries")
    expect(deliveries).to_contain_text(hook)
    expect(deliveries).to_contain_text("without an answer", timeout=SLOW_MS)
    page.get_by_role("button", name="Send again: completed").click()
    expect(page.get_by_text("Sending it again")).to_be_visible()
    page.goto("/webhooks")
    expect(page.locator("tbody")).to_contain_text(hook)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("[data-secret] code")).not_to_contain_text("•")
    secret = page.locator("[data-secret] code").inner_text()
    assert secret == call(server, "GET", "/webhooks/default/secret")["key"]
    page.get_by_role("button", name="Replace").click()
    page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    expect(page.get_by_text("The one before signs as well until")).to_be_visible()
    assert page.locator("[data-secret] code").inner_text() != secret


def test_collections_lead_to_models_and_search_to_what_is_near(page: Page, server: Server) -> None:
    body = {"name": "First steps", "description": "Where to begin.", "models": [HELLO, "mainspring/tokens"]}
    call(server, "PUT", "/collections/first-steps", body)
    page.goto("/")
    page.get_by_role("link", name="First steps").click()
    page.wait_for_url("**/collections/first-steps")
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_role("link", name="Collections").click()
    expect(page.get_by_role("link", name="First steps")).to_be_visible()
    page.goto("/?q=imitator quixotic")
    expect(page.get_by_text("No model has all of these words")).to_be_visible()
    expect(page.locator(".card:visible").first).to_contain_text("imitator")
    call(server, "DELETE", "/collections/first-steps")


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1280)])
def test_nothing_is_seriously_inaccessible_or_too_wide(
    chromium: Browser, server: Server, deployment: str, theme: str, width: int
) -> None:
    made = predict(server, HELLO, text="hello")
    link = call(server, "POST", f"/predictions/{made['id']}/share")["url"]
    call(server, "PUT", "/collections/some", {"name": "Some", "models": [HELLO]})
    page = open_page(chromium, server, color_scheme=theme, viewport={"width": width, "height": 844})
    tabs = [f"/{HELLO}/{tab}" for tab in ("metrics", "settings")]
    pages = ["/deployments", f"/deployments/{deployment}", *tabs, "/mainspring/imitator/train", "/webhooks"]
    for path in (
        *pages,
        f"/p/{made['id']}",
        f"/s/{link.rpartition('/')[2]}",
        "/collections",
        "/collections/some",
    ):
        page.goto(path)
        expect(page.locator(".uncoil:visible, [data-asking]:visible")).to_have_count(0)
        assert serious(page) == [], path
        assert misfits(page) == [], path
    page.goto("/deployments")
    page.get_by_role("button", name="Create a deployment").first.click()
    assert serious(page) == []
    page.context.close()
