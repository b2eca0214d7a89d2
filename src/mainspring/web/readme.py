"""READMEs: Markdown that strangers wrote, as HTML that can't do anything but be read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import markupsafe

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_TAGS = {
    *("p", "div", "br", "hr", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "details", "summary"),
    *("a", "strong", "em", "b", "i", "s", "del", "code", "kbd", "sub", "sup"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}}
_SCHEMES = {"http", "https", "mailto"}


def readme_html(text: str) -> markupsafe.Markup:
    """The README as sanitised HTML; headings one level down, pictures of other hosts as links."""
    import nh3

    clean = nh3.clean(
        _markdown().render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_keep,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return markupsafe.Markup(clean)  # noqa: S704


def _keep(tag: str, attribute: str, value: str) -> str | None:
    """Links lead to other hosts; anything relative would lead nowhere."""
    leads = value.strip().lower().startswith(("https://", "http://", "mailto:"))
    return value if attribute != "href" or leads else None


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    markdown.add_render_rule("image", _image)
    markdown.core.ruler.push("one_down", _one_down)
    return markdown


def _image(renderer: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
    """A picture of another host would tell that host who reads: it becomes a link."""
    source, alt = tokens[at].attrGet("src"), tokens[at].content or "image"
    return f'<a href="{markupsafe.escape(source)}">{markupsafe.escape(alt)}</a>'


def _one_down(state: Any) -> None:
    """The page has its own first heading."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
