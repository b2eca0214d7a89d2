"""The Markdown of the repository, and what is in it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A fenced block. line: of its first line in the page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every Markdown file that git would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).exists()]


def snippets(*languages: str) -> list[Snippet]:
    """Fenced blocks of all pages in these languages."""
    return [found for page in pages() for found in _snippets(page) if found.language in languages]


def _snippets(page: Path) -> Iterator[Snippet]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        yield Snippet(page, text.count("\n", 0, found.start()) + 2, found[1], found[2])


def links(page: Path) -> list[str]:
    """Targets of the page's links, those in code left out."""
    return _LINK.findall(prose(page))


def prose(page: Path) -> str:
    """The page without fenced blocks; lines keep their numbers."""
    return _FENCE.sub(lambda found: "\n" * found[0].count("\n"), page.read_text())


def anchors(page: Path) -> set[str]:
    """The names that headings of the page can be linked by."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
