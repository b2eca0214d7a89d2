"""Fixtures that many suites share; what is left out without MAINSPRING_TEST_MODELS=1, and that it is."""

from __future__ import annotations

import os

import pytest

WANTED = "MAINSPRING_TEST_MODELS"
_LEFT_OUT = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"models: needs a model's heavy environment; runs only with {WANTED}=1 (make test-models)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(WANTED) == "1":
        return
    heavy = [item for item in items if item.get_closest_marker("models")]
    for item in heavy:
        item.add_marker(pytest.mark.skip(reason=f"needs a heavy environment; set {WANTED}=1 to run it"))
    config.stash[_LEFT_OUT] = len(heavy)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"Left out: {count} tests of models with heavy environments (torch, diffusers, faster-whisper, OCR); "
            "`make test-models` runs them."
        )
