"""HTML out: templates that escape everything, and headers that let a page run and load only what is ours."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from mainspring.core.ids import parse_time
from mainspring.web.static import asset_url

if TYPE_CHECKING:
    import jinja2

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "connect-src 'self'",
            # Pages that models wrote, in a frame with nothing allowed.
            "frame-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Accept, Cookie",
}


def html(template: str, status: int = 200, **given: Any) -> HTMLResponse:
    """The page of a template in templates/."""
    return HTMLResponse(_environment().get_template(template).render(given), status, HEADERS)


def ago(at: str, now: datetime) -> str:
    """How long ago an RFC 3339 time was, in words; its date when it is a month or more."""
    moment = parse_time(at)
    seconds = (now - moment).total_seconds()
    for limit, unit, word in ((_HOUR, _MINUTE, "min"), (_DAY, _HOUR, "h"), (30 * _DAY, _DAY, "d")):
        if seconds < limit:
            return f"{seconds // unit:.0f} {word} ago" if seconds >= _MINUTE else "just now"
    return f"{moment:%Y-%m-%d}"


@cache
def _environment() -> jinja2.Environment:
    # A server that nobody looks at does without the template engine's memory.
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["asset"] = asset_url
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["exact"] = lambda at: f"{parse_time(at):%Y-%m-%d %H:%M:%S} UTC"
    return environment
