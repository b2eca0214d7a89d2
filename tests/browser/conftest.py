"""A real server with models, and a real headless browser that looks at its pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tests.e2e.projects import write_project
from tests.e2e.server import TOKEN, Server

HERE = Path(__file__).parent
MODELS = HERE.parents[1] / "models"
CHROMIUM = shutil.which("chromium")
# A camera and a microphone that show and play a pattern, and nobody who has to allow it.
ARGUMENTS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("pages")
    running = Server(
        root / "data", private_urls=True, webhook_hosts="127.0.0.1", deployment_rest_s=0, gpus="2x24"
    ).start()
    names = ("hello-world", "imitator")
    directories = [HERE / "models" / "every-widget", HERE / "models" / "maker"]
    directories += [MODELS / "mainspring" / name for name in names]
    directories += [write_project(name, root) for name in ("tokens", "broken", "slow")]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda one: running.push(one, f"mainspring/{one.name}"), directories))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser. Its driver holds the thread's event loop, so it has to be gone before tests that are async."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def in_module(name: str, body: str) -> str:
    """JavaScript for Page.evaluate: a function of `given`, with the page's module of this name as `module`."""
    return f"""async (given) => {{
      const address = document.querySelector("link[href$='base.css']").href.replace("base.css", "{name}.js");
      const module = await import(address);
      {body}
    }}"""


class Faults(list[str]):
    """What the browser complained of: errors of scripts and refused loads."""


def open_page(chromium: Browser, server: Server, *, signed_in: bool = True, **options: object) -> Page:
    """A page of a fresh profile."""
    address = f"http://localhost:{server.port}"
    session = _session(chromium, address) if signed_in else None
    context = chromium.new_context(base_url=address, storage_state=session, **options)  # type: ignore[arg-type]
    context.set_default_timeout(20_000)
    page = context.new_page()
    faults = Faults()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    page.faults = faults  # type: ignore[attr-defined]
    return page


_sessions: dict[str, StorageState] = {}


def _session(chromium: Browser, address: str) -> StorageState:
    """What a browser keeps of having signed in; once for each server."""
    if address not in _sessions:
        page = chromium.new_page(base_url=address)
        page.goto("/login")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        _sessions[address] = page.context.storage_state()
        page.close()
    return _sessions[address]


@pytest.fixture
def page(chromium: Browser, server: Server) -> Iterator[Page]:
    """A page of who is signed in; fails the test when a script failed or a load was refused."""
    opened = open_page(chromium, server, viewport={"width": 1280, "height": 900})
    yield opened
    faults = opened.faults  # type: ignore[attr-defined]
    opened.context.close()
    assert not faults


@pytest.fixture
def guest(chromium: Browser, server: Server) -> Iterator[Page]:
    """A page of who is not signed in."""
    opened = open_page(chromium, server, signed_in=False)
    yield opened
    opened.context.close()
