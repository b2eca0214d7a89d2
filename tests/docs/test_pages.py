"""Links lead somewhere, snippets parse, and words are the right ones."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import ROOT, Snippet, anchors, links, pages, prose, snippets


def _named(found: list[Snippet]) -> list[object]:
    return [pytest.param(snippet, id=str(snippet)) for snippet in found]


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in pages()])
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert found.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("snippet", _named(snippets("python")))
def test_python_parses(snippet: Snippet) -> None:
    compile(snippet.text, str(snippet), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("snippet", _named(snippets("bash", "sh")))
def test_shell_parses(snippet: Snippet) -> None:
    done = subprocess.run(["bash", "-n"], input=snippet.text, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
@pytest.mark.parametrize("snippet", _named(snippets("js", "javascript")))
def test_javascript_parses(snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "snippet.mjs"
    file.write_text(snippet.text)
    done = subprocess.run(["node", "--check", file], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("snippet", _named(snippets("json", "toml", "yaml")))
def test_data_parses(snippet: Snippet) -> None:
    {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}[snippet.language](snippet.text)


def test_recipes_are_in_the_makefile() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in pages():
        for name in re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(), re.MULTILINE):
            assert "".join(name) in known, f"{page}: make {''.join(name)}"


def test_words_that_cog_owns_are_left_to_cog() -> None:
    ours = re.compile(r"\b(runner|worker)s?\b", re.IGNORECASE)
    for page in pages():
        paragraphs = re.sub(r"`[^`]*`", "", prose(page)).split("\n\n")
        for paragraph in paragraphs:
            if ours.search(paragraph):
                assert re.search(r"\bcog(let)?\b", paragraph, re.IGNORECASE), f"{page}: {paragraph}"


def test_the_glossary_is_in_order_and_has_no_word_twice() -> None:
    rows = re.findall(r"^\| \*\*([^*]+)\*\*", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert rows == sorted(set(rows), key=str.lower)
