"""Style transfer, by the weights that its package brings."""

from __future__ import annotations

from typing import Any

import pytest

from .pictures import apart, mean, png, size
from .serving import MODELS, Serve, content, data_uri, example

NAME = "mainspring/style-transfer"

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]


def waves(x: int, y: int) -> bytes:
    return b"\xff\xd0\x10" if (x // 8 + y // 8) % 2 else b"\x10\x20\x90"


async def test_style_transfer_paints(serve: Serve) -> None:
    model = await serve(NAME)
    drawing = (MODELS / NAME / "drawing.png").read_bytes()

    async def paint(**given: Any) -> bytes:
        return content(await model.output(**example(NAME) | given), "image/png")

    plain = await paint()
    assert (await model.predict(**example(NAME)))["metrics"]["image_count"] == 1
    assert size(plain) == size(drawing)
    assert await paint() == plain
    own = {"style_image": data_uri(png(128, 128, waves), "waves.png")}
    changes: list[dict[str, Any]] = [
        {"style": 3},
        {"strength": 0.5},
        {"preserve_color": True},
        {"max_size": 100},
    ]
    changes += [own, own | {"strength": 0.5}, own | {"preserve_color": True}, own | {"max_size": 100}]
    assert len({plain, *[await paint(**change) for change in changes]}) == len(changes) + 1
    assert max(size(await paint(max_size=100))) == 100

    same = await paint(strength=0)
    assert apart(same, plain) > 20
    assert apart(await paint(strength=0.5), same) < apart(plain, same)
    coloured = mean(await paint(preserve_color=True))
    blue_less_red = [each[2] - each[0] for each in (coloured, mean(same), mean(plain))]
    assert abs(blue_less_red[0] - blue_less_red[1]) < abs(blue_less_red[2] - blue_less_red[1])
