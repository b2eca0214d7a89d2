"""Around the playground: signing in, looking for models, a prediction's page, themes, accessibility."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import HERE, in_module, open_page
from tests.e2e.server import TOKEN, Server

AXE = HERE / "npm" / "node_modules" / "axe-core" / "axe.min.js"
MODEL = "/mainspring/every-widget"
PATHS = [
    "/",
    MODEL,
    f"{MODEL}/api",
    f"{MODEL}/examples",
    f"{MODEL}/readme",
    f"{MODEL}/versions",
    "/nowhere",
    "/docs/api",
]


def predict(server: Server, model: str, **values: Any) -> dict[str, Any]:
    body = json.dumps({"version": model, "input": values}).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Prefer": "wait"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{server.url}/v1/predictions", body, headers)
    ) as reply:
        made: dict[str, Any] = json.load(reply)
    return made


def test_signing_in_and_out(guest: Page) -> None:
    guest.goto(MODEL)
    expect(guest.get_by_role("button", name="Run")).to_have_count(0)
    guest.get_by_role("link", name="Sign in to run").click()
    guest.get_by_label("Token").fill("ms_wrong000000000000000")
    guest.get_by_role("button", name="Sign in").click()
    expect(guest.get_by_role("alert")).to_contain_text("No account has this token")
    guest.get_by_label("Token").fill(TOKEN)
    guest.get_by_role("button", name="Sign in").click()
    guest.wait_for_url(f"**{MODEL}")
    expect(guest.get_by_role("button", name="Run")).to_be_visible()
    assert not guest.evaluate("document.cookie")
    guest.get_by_text("mainspring", exact=True).first.click()
    guest.get_by_role("button", name="Sign out").click()
    expect(guest.get_by_role("link", name="Sign in")).to_be_visible()


def test_the_link_that_serve_prints_signs_in(guest: Page, server: Server) -> None:
    (link,) = re.findall(r"http://\S+/login\?code=\S+", server.log.read_text())
    guest.goto(link)
    expect(guest.get_by_role("link", name="Sign in")).to_have_count(0)
    guest.context.clear_cookies()
    guest.goto(link)
    expect(guest.get_by_role("alert")).to_contain_text("has been used")


def test_models_are_found_as_one_types(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("one input of each")
    expect(page.locator(".card:visible")).to_have_count(1)
    expect(page.locator("[data-count]")).to_have_text("1 model")
    page.get_by_role("searchbox").fill("nothing like it")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator(".card:visible").nth(2)).to_be_visible()
    page.goto("/?q=hello")
    expect(page.locator(".card:visible")).to_have_count(1)
    page.locator(".card:visible").click()
    page.wait_for_url("**/mainspring/hello-world")


def test_a_cover_is_the_same_in_both_languages(page: Page) -> None:
    page.goto("/")
    compare = """
      const seen = (svg) => [svg.getAttribute("class"), ...[...svg.children].map((one) => one.outerHTML)].join();
      const cards = [...document.querySelectorAll(".card")];
      return cards.map((card) => seen(module.cover(card.dataset.model)) === seen(card.querySelector("svg")));"""
    drawn = page.evaluate(in_module("cover", compare))
    assert len(drawn) >= 6
    assert all(drawn)


def test_the_page_of_a_prediction(page: Page, server: Server) -> None:
    made = predict(server, "mainspring/hello-world", text="<b>you</b>")
    page.goto(f"/p/{made['id']}")
    expect(page.locator(".state[data-state=succeeded]")).to_be_visible()
    for text in ("mainspring/hello-world", made["version"][:12], "API", "<b>you</b>", "hello <b>you</b>"):
        expect(page.locator("main")).to_contain_text(text)
    expect(page.locator(".facts")).to_contain_text("Hardwarecpu")
    page.route(
        f"**/v1/predictions/{made['id']}",
        lambda route: route.fulfill(json=made | {"cost": {"amount": "0.0042"}}),
    )
    page.reload()
    expect(page.locator(".facts")).to_contain_text("Cost$0.0042")
    page.unroute_all()
    page.get_by_role("link", name="Edit in the playground").click()
    expect(page.get_by_label("text", exact=True)).to_have_value("<b>you</b>")
    page.goto(f"/p/{made['id']}")
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: "/p/" in url and made["id"] not in url)
    expect(page.locator(".state[data-state=succeeded]")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("web")


def test_a_running_prediction_is_followed_and_canceled_on_its_page(page: Page, server: Server) -> None:
    page.goto("/mainspring/slow")
    page.get_by_label("seconds", exact=True).fill("60")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("link", name="Open").click()
    expect(page.locator(".state[data-state=processing]")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("region", name="Preview").locator(".tail")).to_have_text("began")
    page.get_by_role("tab", name="Logs").click()
    expect(page.get_by_role("log", name="Logs")).to_contain_text("began")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".state[data-state=canceled]")).to_be_visible()
    expect(page.get_by_role("button", name="Run again")).to_be_visible()


def test_a_prediction_that_is_not_ones_own_is_not_shown(page: Page) -> None:
    page.goto("/p/01jzabcdefghjkmnpqrstvwxyz")
    expect(page.locator("main")).to_contain_text("Your account has no prediction with this id")


def test_the_readme_does_nothing_but_be_read(page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(f"{MODEL}/readme")
    expect(page.get_by_role("heading", name="Every widget")).to_be_visible()
    expect(page.locator(".prose a")).to_have_count(1)


def test_markdown_of_models_is_drawn_without_becoming_html(page: Page) -> None:
    page.goto("/mainspring/hello-world")
    draw = """
      const box = document.createElement("div");
      box.append(...module.markdown(given));
      return box.innerHTML;"""
    html = page.evaluate(
        in_module("markdown", draw),
        "# Title\n\na *b* **c** `d<e>` [f](https://x.example/) [g](javascript:alert(1)) "
        "<img src=x onerror=alert(1)>\n\n- one\n  - two\n\n3. three\n\n```py\n<i>\n```\n> said\n\n"
        "| h | i |\n|---|---|\n| j | k |\n\n![p](https://x.example/p.png)\n\n```\nopen",
    )
    for part in (
        "<h3>Title</h3>",
        "<em>b</em> <strong>c</strong> <code>d&lt;e&gt;</code>",
        'href="https://x.example/"',
        "&lt;img src=x",
        "<ul><li>one<ul><li>two</li></ul></li></ul>",
        '<ol start="3"><li>three</li></ol>',
        "<code>&lt;i&gt;</code>",
        "<blockquote><p>said</p></blockquote>",
        "<th>h</th>",
        "<td>k</td>",
        "<code>open</code>",
    ):
        assert part in html, html
    assert "<img" not in html
    assert "javascript:" not in html


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    def paper() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.emulate_media(color_scheme="dark")
    page.goto("/")
    dark = paper()
    page.get_by_role("button", name="Theme: auto").click()
    light = paper()
    assert light != dark
    page.reload()
    assert paper() == light
    page.get_by_role("button", name="Theme: light").click()
    page.emulate_media(color_scheme="light")
    assert paper() == dark
    page.get_by_role("button", name="Theme: dark").click()
    assert paper() == light


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1280)])
def test_nothing_is_seriously_inaccessible_or_too_wide(
    chromium: Browser, server: Server, theme: str, width: int
) -> None:
    made = predict(server, "mainspring/every-widget", prompt="hello", options={"a": [1]})
    page = open_page(chromium, server, color_scheme=theme, viewport={"width": width, "height": 844})
    for path in (*PATHS, f"/p/{made['id']}"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        # The reference is long and all its sections are made alike: two of them will do.
        page.evaluate(
            "for (const one of [...document.querySelectorAll('.reference > section')].slice(3, -2)) one.remove()"
        )
        assert serious(page) == [], path
        assert misfits(page) == [], path
    page.goto(MODEL)
    page.get_by_role("button", name="Run").click()
    assert serious(page) == [], "with faults shown"
    page.get_by_label("prompt", exact=True).fill("hello")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".state[data-state=succeeded]")).to_be_visible()
    for tab in ("Preview", "JSON", "Logs"):
        page.get_by_role("tab", name=tab).last.click()
        assert serious(page) == [], f"with {tab} shown"
    page.get_by_text("Deprecated inputs").click()
    page.context.clear_cookies()
    page.goto("/login")
    assert serious(page) == []
    page.context.close()


def serious(page: Page) -> list[str]:
    """axe-core's serious and critical violations, each with an element."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    worst = [one for one in found if one["impact"] in ("serious", "critical")]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in worst
        for node in one["nodes"][:2]
    ]


def misfits(page: Page) -> list[str]:
    """What is too wide: the page for the window, a table for its box."""
    return page.evaluate(  # type: ignore[no-any-return]
        "[document.documentElement, ...document.querySelectorAll('.table-box')]"
        ".filter((one) => one.scrollWidth > one.clientWidth)"
        ".map((one) => `${one.getAttribute('aria-label') ?? one.tagName}: ${one.scrollWidth} > ${one.clientWidth}`)"
    )


def test_every_field_is_called_as_its_input(page: Page, server: Server) -> None:
    page.goto(MODEL)
    names = page.locator("[data-name]").evaluate_all("(all) => all.map((one) => one.dataset.name)")
    assert len(names) == 17
    page.get_by_text("Deprecated inputs").click()
    for name in names:
        expect(page.get_by_label(name, exact=True)).to_be_visible()


def test_waiting_behind_others_is_told_apart_from_the_boot(page: Page) -> None:
    page.goto("/login")
    moments = {"queued_at": 0, "booting_at": 10, "setup_at": 110, "started_at": 5110, "completed_at": 6110}
    told: dict[str, Any] = {name: f"2026-01-01T00:00:{ms / 1000:06.3f}Z" for name, ms in moments.items()}
    told["steps"] = [{"name": "ready", "at": "2026-01-01T00:00:01.110Z"}]
    drawn = page.evaluate(
        in_module(
            "timeline", "return module.parts(given).map(({ part, from, to }) => `${part} ${to - from}`);"
        ),
        {"status": "succeeded", "timeline": told},
    )
    assert drawn == ["queued 10", "booting 100", "setup 1000", "queued 4000", "running 1000"]


def test_spans_and_money_are_told_as_people_read_them(page: Page) -> None:
    page.goto("/login")
    tell = "return [given.map(module.span), [0.0042, '12.5', 3e-8, 0].map(module.money)];"
    spans, money = page.evaluate(
        in_module("format", tell), [7, 2.46, 123.4, 1234, 59_970, 119_999, 3_600_000, 7_800_000, 8e9]
    )
    assert spans == ["7 ms", "2.5 ms", "123 ms", "1.2 s", "1 min", "1 min 59 s", "1 h", "2 h 10 min", "92 d"]
    assert money == ["$0.0042", "$12.50", "< $0.000001", "$0"]


FIRST_PAINT = """() => new Promise((seen) => new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (one.name === "first-contentful-paint") seen(one.startTime);
}).observe({ type: "paint", buffered: true }))"""


def test_the_first_paint_is_quick(page: Page) -> None:
    page.goto(MODEL)
    taken = []
    for _ in range(3):
        page.reload()
        taken.append(page.evaluate(FIRST_PAINT))
    assert min(taken) < 500, "on a machine that is busy with other tests"
