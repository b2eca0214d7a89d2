"""What others write stays words, in every place where it is shown: nothing of it becomes markup or runs."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import HERE, open_page
from tests.browser.test_owner import call
from tests.browser.test_site import predict
from tests.e2e.server import TOKEN, Server

MODEL = "mainspring/hostile"
MARKUP = (
    "<img src=x onerror='window.taken=1'><script>window.taken=1</script>\"'><svg onload='window.taken=1'>"
)
TOLD = "<img src=x onerror="
INJECTED = """() => {
  const bad = ({ name, value }) => name.startsWith("on") || (name === "href" && value.startsWith("javascript:"));
  const odd = "script:not([src]):not([type='application/json']), img[src='x'], iframe[srcdoc]";
  const found = [...document.querySelectorAll("*")].filter((one) => [...one.attributes].some(bad) || one.matches(odd));
  return found.map((one) => one.outerHTML);
}"""


@dataclass(frozen=True)
class Written:
    """Where hostile words were put: ids of predictions, and the capability of a shared one."""

    good: str
    bad: str
    shared: str


@pytest.fixture(scope="module")
def written(server: Server) -> Written:
    server.push(HERE / "models" / "hostile", MODEL)
    call(server, "PATCH", f"/models/{MODEL}", {"description": MARKUP})
    good, bad = predict(server, MODEL, text=MARKUP), predict(server, MODEL, choice="fail")
    assert (good["status"], bad["status"]) == ("succeeded", "failed"), good
    call(server, "POST", f"/models/{MODEL}/examples", {"prediction": good["id"], "default": True})
    shared = call(server, "POST", f"/predictions/{good['id']}/share")["url"].rpartition("/")[2]
    words = {"name": MARKUP, "description": MARKUP, "full_description": MARKUP, "models": [MODEL]}
    call(server, "PUT", "/collections/hostile", words)
    call(server, "POST", "/tokens", {"name": MARKUP[:90]})
    hook = {"webhook": f"http://127.0.0.1:9/{MARKUP.replace(' ', '%20')}"}
    call(server, "POST", "/predictions", {"version": MODEL, "input": {"text": MARKUP}, **hook})
    _upload(server, f"{TOLD}window.taken=1>.txt")
    return Written(good["id"], bad["id"], shared)


def _upload(server: Server, name: str) -> None:
    head = f'--edge\r\nContent-Disposition: form-data; name="content"; filename="{name}"\r\n'
    body = f"{head}Content-Type: text/plain\r\n\r\nwords\r\n--edge--\r\n".encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "multipart/form-data; boundary=edge"}
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/v1/files", body, headers)).close()


@pytest.fixture(scope="module")
def reader(chromium: Browser, server: Server, written: Written) -> Iterator[Page]:
    page = open_page(chromium, server, viewport={"width": 1280, "height": 900})
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    yield page
    page.context.close()


def harmless(page: Page) -> None:
    """Nothing was injected, nothing ran, and the policy had nothing to refuse."""
    assert page.evaluate(INJECTED) == []
    assert page.evaluate("[window.taken, document.title === 'taken']") == [None, False]
    assert page.faults == []  # type: ignore[attr-defined]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280, "long words broke the page's width"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/{MODEL}",
        f"/{MODEL}/api",
        f"/{MODEL}/examples",
        f"/{MODEL}/settings",
        "/collections",
        "/collections/hostile",
        "/predictions",
        "/models",
        "/files",
        "/tokens",
        "/webhooks",
    ],
)
def test_names_and_descriptions(reader: Page, path: str) -> None:
    reader.goto(path)
    expect(reader.locator("[data-asking]:visible, .uncoil:visible")).to_have_count(0)
    shown = reader.locator("main")
    if path.endswith("/settings"):
        expect(reader.get_by_label("Description")).to_have_value(MARKUP)
    elif path in ("/predictions", "/models"):
        expect(shown).to_contain_text(MODEL)
    elif path == "/webhooks":
        expect(shown).to_contain_text("127.0.0.1:9")
    else:
        expect(shown).to_contain_text(TOLD)
    harmless(reader)


def test_a_readme(reader: Page) -> None:
    reader.goto(f"/{MODEL}/readme")
    expect(reader.locator(".prose")).to_contain_text("here")
    expect(reader.locator(".prose :is(svg, iframe, img, script, a[href^='javascript'])")).to_have_count(0)
    harmless(reader)


@pytest.mark.parametrize(
    "address", [lambda it: f"/p/{it.good}", lambda it: f"/s/{it.shared}"], ids=["own", "shared"]
)
def test_input_output_file_names_and_logs(
    reader: Page, written: Written, address: Callable[[Written], str]
) -> None:
    reader.goto(address(written))
    for place in ("[data-input]", "[aria-label=Preview] .markdown", "[aria-label=Preview] dt"):
        expect(reader.locator(place).filter(has_text=TOLD).first).to_be_visible()
    for ending in ("svg", "html", "md", "json"):
        expect(reader.get_by_role("link", name="Download _img").filter(has_text=ending)).to_be_visible()
    expect(reader.frame_locator("iframe").get_by_text("A page")).to_be_visible()
    expect(reader.locator(".reading .markdown")).to_contain_text(TOLD)
    harmless(reader)
    for tab in ("JSON", "Logs"):
        reader.get_by_role("tab", name=tab).click()
        expect(reader.get_by_role("log" if tab == "Logs" else "region", name=tab)).to_contain_text(TOLD)
    harmless(reader)


def test_an_error(reader: Page, written: Written) -> None:
    reader.goto(f"/p/{written.bad}")
    expect(reader.get_by_role("alert").filter(has_text=TOLD)).to_be_visible()
    expect(reader.locator(".tail")).to_contain_text(TOLD)
    harmless(reader)


def test_setup_logs(reader: Page) -> None:
    reader.goto("/fleet")
    reader.locator("tbody", has_text=MODEL).get_by_role("button", name="Setup logs").first.click()
    expect(reader.get_by_role("dialog")).to_contain_text(TOLD)
    harmless(reader)


@pytest.mark.parametrize("ending", ["svg", "html"])
def test_files_that_are_opened_by_themselves(
    reader: Page, server: Server, written: Written, ending: str
) -> None:
    output = call(server, "GET", f"/predictions/{written.good}")["output"]
    (address,) = [url for url in output["files"] if url.endswith(ending)]
    page = reader.context.new_page()
    page.goto(address)
    assert page.title() != "taken"
    assert page.evaluate("window.origin") == "null"
    page.close()


def test_what_one_types(reader: Page) -> None:
    reader.goto(f"/{MODEL}")
    reader.get_by_label("text", exact=True).fill(MARKUP)
    for language in ("JSON", "Python", "JavaScript", "curl", "CLI"):
        reader.get_by_role("tab", name=language, exact=True).first.click()
        told = reader.get_by_label("The call as code").inner_text()
        assert "window.taken" in told, language
        if language == "JSON":
            assert json.loads(told)["input"]["text"] == MARKUP
    harmless(reader)
    reader.goto(f"/?q={MARKUP.replace(' ', '+')}")
    harmless(reader)
    reader.goto(f"/predictions?status={MARKUP}&model={MARKUP}")
    expect(reader.locator("[data-asking]:visible")).to_have_count(0)
    harmless(reader)
