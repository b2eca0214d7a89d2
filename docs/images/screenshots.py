"""Writes the screenshots of the pages beside this file: starts a server, pushes models, looks with Chromium."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import open_page  # noqa: E402
from tests.e2e.projects import write_project  # noqa: E402
from tests.e2e.server import Server  # noqa: E402

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
STORY = "A **mainspring** is a spiral of steel that\n\n1. is wound by hand,\n2. drives the wheels,\n3. keeps time.\n\n"


def main() -> None:
    """Every screenshot, light and dark."""
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        server = _server(Path(place))
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            for theme in ("light", "dark"):
                _wide(chromium, server, theme)
                _phone(chromium, server, theme)
        finally:
            chromium.close()
            server.stop()


def _server(root: Path) -> Server:
    server = Server(root / "data", private_urls=True).start()
    projects = [ROOT / "tests" / "browser" / "models" / name for name in ("every-widget", "maker")]
    own = ROOT / "models" / "mainspring"
    projects += [own / "hello-world", own / "imitator", write_project("tokens", root)]
    for project in projects:
        server.push(project, f"mainspring/{project.name}")
    return server


def _wide(chromium: Browser, server: Server, theme: str) -> None:
    page = open_page(chromium, server, color_scheme=theme, viewport=WIDE)
    page.goto("/")
    _keep(page, "explore", theme)
    _playground(page, theme)
    page.goto("/mainspring/every-widget/api")
    _keep(page, "api", theme)
    _operator(page, server, theme)
    _owners(page, theme)


def _operator(page: Page, server: Server, theme: str) -> None:
    for text in ("you", "again", "and again"):
        server.cli("run", "mainspring/hello-world", "-i", f"text={text}")
    for name in ("predictions", "fleet", "files", "usage", "tokens", "webhooks", "settings"):
        page.goto(f"/{name}")
        page.locator("[data-asking]:visible").wait_for(state="detached")
        _keep(page, name, theme)


def _owners(page: Page, theme: str) -> None:
    page.goto("/deployments")
    if page.get_by_role("link", name="prod").count() == 0:
        _deploy(page)
    page.goto("/deployments/mainspring/prod")
    page.locator("[data-figures] .plot-end").first.wait_for()
    _keep(page, "deployment", theme)
    page.goto("/mainspring/hello-world/metrics")
    page.locator("[data-figures] .plot-end").first.wait_for()
    _keep(page, "metrics", theme)
    page.goto("/mainspring/imitator/train")
    _keep(page, "train", theme)
    page.goto("/mainspring/hello-world/settings")
    _keep(page, "model-settings", theme)


def _deploy(page: Page) -> None:
    """A deployment that has run a few times."""
    page.goto("/deployments?model=mainspring/hello-world")
    form = page.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill("prod")
    form.get_by_label("Version").get_by_text("newest").wait_for(state="attached")
    form.get_by_role("button", name="Create").click()
    page.wait_for_url("**/deployments/mainspring/prod")
    page.get_by_role("link", name="Open in the playground").click()
    for name in ("Ada", "Grace", "Mary"):
        page.get_by_label("text", exact=True).fill(name)
        page.get_by_role("button", name="Run").click()
        page.get_by_text(f"hello {name}").wait_for()


def _playground(page: Page, theme: str) -> None:
    page.goto("/mainspring/tokens")
    page.get_by_label("prompt", exact=True).fill(STORY)
    page.get_by_label("count", exact=True).fill("2")
    page.get_by_role("button", name="Run").click()
    page.locator(".state[data-state=succeeded]").wait_for()
    _keep(page, "playground", theme)
    page.goto("/mainspring/maker")
    page.get_by_label("what", exact=True).select_option("pictures")
    page.get_by_label("delay", exact=True).fill("0.1")
    page.get_by_role("button", name="Run").click()
    page.locator(".grid img").nth(3).wait_for()
    page.get_by_role("tab", name="Python").click()
    _keep(page, "pictures", theme)
    page.get_by_role("link", name="Open").click()
    page.locator(".state[data-state=succeeded]").wait_for()
    _keep(page, "prediction", theme)


def _phone(chromium: Browser, server: Server, theme: str) -> None:
    page = open_page(chromium, server, color_scheme=theme, viewport=PHONE)
    page.goto("/")
    _keep(page, "explore-phone", theme)
    page.goto("/mainspring/every-widget")
    _keep(page, "playground-phone", theme)
    for name in ("predictions", "fleet", "usage"):
        page.goto(f"/{name}")
        page.locator("[data-asking]:visible").wait_for(state="detached")
        _keep(page, f"{name}-phone", theme)
    page.goto("/deployments/mainspring/prod")
    page.locator("[data-figures] .plot-end").first.wait_for()
    _keep(page, "deployment-phone", theme)


def _keep(page: Page, name: str, theme: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=HERE / f"{name}-{theme}.png", animations="disabled")


if __name__ == "__main__":
    main()
