"""Pictures without a package for them: PNG made, read and measured."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

Colour = tuple[float, ...]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(width: int, height: int, colour: Callable[[int, int], bytes]) -> bytes:
    """A picture, by a function from x and y to three bytes."""
    rows = b"".join(b"\0" + b"".join(colour(x, y) for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def size(image: bytes) -> tuple[int, int]:
    """(width, height) of a PNG."""
    assert image.startswith(_SIGNATURE)
    width, height = struct.unpack(">II", image[16:24])
    return width, height


def pixels(image: bytes) -> list[bytes]:
    """The rows of an 8-bit RGB PNG, unfiltered."""
    width, height = size(image)
    raw = zlib.decompress(b"".join(_data(image)))
    before, lines = bytes(3 * width), []
    for row in range(height):
        start = row * (3 * width + 1)
        before = _unfilter(raw[start], raw[start + 1 : start + 3 * width + 1], before)
        lines.append(before)
    return lines


def mean(image: bytes, box: tuple[float, float, float, float] = (0, 0, 1, 1)) -> Colour:
    """The mean colour, 0 to 255 each, inside (left, top, right, bottom), which are fractions of the sides."""
    width, height = size(image)
    left, right = (round(width * box[side]) for side in (0, 2))
    top, bottom = (round(height * box[side]) for side in (1, 3))
    rows = [row[3 * left : 3 * right] for row in pixels(image)[top:bottom]]
    count = (right - left) * (bottom - top)
    return tuple(sum(sum(row[channel::3]) for row in rows) / count for channel in range(3))


def apart(one: bytes, other: bytes, box: tuple[float, float, float, float] = (0, 0, 1, 1)) -> float:
    """The mean difference of two pictures of one size, 0 to 255, inside a box as in `mean`."""
    assert size(one) == size(other)
    width, height = size(one)
    left, right = (3 * round(width * box[side]) for side in (0, 2))
    top, bottom = (round(height * box[side]) for side in (1, 3))
    pairs = list(zip(pixels(one)[top:bottom], pixels(other)[top:bottom], strict=True))
    off = sum(
        abs(a - b)
        for these, those in pairs
        for a, b in zip(these[left:right], those[left:right], strict=True)
    )
    return off / ((right - left) * len(pairs))


def _data(image: bytes) -> Iterator[bytes]:
    at = len(_SIGNATURE)
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        if image[at + 4 : at + 8] == b"IDAT":
            yield image[at + 8 : at + 8 + length]
        at += length + 12


def _unfilter(kind: int, line: bytes, above: bytes) -> bytes:
    done = bytearray(3) + bytearray(line)
    up = bytes(3) + above
    for at in range(3, len(done)):
        left, over, corner = done[at - 3], up[at], up[at - 3]
        near = min((left, over, corner), key=lambda each: abs(left + over - corner - each))
        done[at] = (done[at] + (0, left, over, (left + over) // 2, near)[kind]) & 255
    return bytes(done[3:])
