"""READMEs: Markdown becomes HTML, and nothing in it can do more than be read."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from mainspring.web.readme import readme_html


class Elements(HTMLParser):
    """The elements of a piece of HTML with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><a href='javascript:alert(1)'>x</a></svg>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "<iframe src=https://evil.example></iframe>",
        "<style>* { display: none }</style>",
        "<form action=https://evil.example><input name=token></form>",
        "<div style='position: fixed' class=bar id=main>over everything</div>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    ],
)
def test_nothing_hostile_stays(hostile: str) -> None:
    elements = Elements(readme_html(f"before\n\n{hostile}\n\nafter")).found
    assert ("p", {}) in elements
    for tag, attributes in elements:
        assert tag in ("p", "a", "div", "em")
        assert not attributes.keys() - {"href", "rel", "title"}
        assert (attributes.get("href") or "https://").startswith("https://")


def test_what_people_write_is_kept() -> None:
    text = "# One\n\n## Two\n\n`code` ~~old~~\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint()\n```\n"
    found = readme_html(text)
    for part in ("<h2>One</h2>", "<h3>Two</h3>", "<code>code</code>", "<td>1</td>", "<s>old</s>", "print()"):
        assert part in found


def test_pictures_of_other_hosts_become_links() -> None:
    found = readme_html(
        "![A \"cat\"](https://example.com/cat.png) <img src='https://example.com/b.png' alt=b>"
    )
    assert '<a href="https://example.com/cat.png" rel="noopener noreferrer nofollow">A "cat"</a>' in found
    assert "<img" not in found
