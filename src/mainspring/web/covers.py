"""Covers of models. One that has none gets a rose-engine pattern, as on the dial of a watch, drawn from its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.model_replies import picture_of
from mainspring.records.catalog import Model

_TONES = 6


@dataclass(frozen=True, slots=True)
class Card:
    """A model in a list. drawn: SVG markup of its pattern; picture: URL of what covers that, if it has a picture."""

    model: Model
    drawn: str
    picture: str | None


async def cards_of(request: Request, models: Sequence[Model]) -> list[Card]:
    """Models as they are shown in a list."""
    return [Card(model, cover(model.full_name), await picture_of(request, model)) for model in models]


def cover(name: str) -> str:
    """SVG markup; the same for the same name. Its stroke is the text's colour, its tone a class of the style sheet."""
    seed = _fnv(name)

    def pick(least: int, most: int) -> int:
        nonlocal seed
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        return least + (seed >> 8) % (most - least + 1)

    tone, x, y = pick(0, _TONES - 1), pick(90, 230), pick(40, 120)
    rings = []
    for _ in range(2):
        count, wide, flat, first = pick(7, 12), pick(60, 150), pick(18, 60), pick(0, 30)
        ellipse = f'<ellipse cx="{x}" cy="{y}" rx="{wide}" ry="{flat}" transform="rotate('
        turns = (first + n * 180 // count for n in range(count))
        rings += [f'{ellipse}{turn} {x} {y})"/>' for turn in turns]
    return (
        f'<svg class="cover tone-{tone}" viewBox="0 0 320 160" preserveAspectRatio="xMidYMid slice" fill="none"'
        f' stroke="currentColor" aria-hidden="true">{"".join(rings)}</svg>'
    )


def _fnv(text: str) -> int:
    """FNV-1a of 32 bits, over UTF-8."""
    value = 0x811C9DC5
    for byte in text.encode("utf-8", "replace"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def allow_pictures(response: Response, cards: Sequence[Card]) -> None:
    """Covers lie where their authors put them: pages with covers may load from those hosts, and no others."""
    hosts = sorted({_origin(card.picture) for card in cards if card.picture} - {""})
    policy = response.headers["content-security-policy"]
    if hosts:
        response.headers["content-security-policy"] = policy.replace(
            "img-src 'self'", " ".join(("img-src 'self'", *hosts))
        )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.netloc.isascii() and not set(parts.netloc) & set(" ;,@'\"")
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("https", "http") and plain else ""
