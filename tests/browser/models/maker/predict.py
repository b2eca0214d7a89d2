"""Makes files: pictures, a sound, or a page that would like to be one of ours."""

import math
import struct
import sys
import time
import wave
import zlib
from typing import Optional

from cog import BaseRunner, Input, Path


def png(name: str, turn: float, side: int = 240) -> Path:
    rows = bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            angle = math.atan2(y - side / 2, x - side / 2) + turn
            distance = math.hypot(y - side / 2, x - side / 2) / side
            shade = 0.5 + 0.5 * math.sin(angle * 3 + distance * 22)
            rows += bytes((int(200 * shade + 40), int(150 * shade + 40), int(70 * shade + 40)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    Path(name).write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return Path(name)


def tone() -> Path:
    with wave.open("tone.wav", "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 4))) for n in range(8000)))
    return Path("tone.wav")


def page() -> Path:
    Path("page.html").write_text("<script>parent.document.title = 'taken'; document.title = 'taken'</script>")
    return Path("page.html")


def files() -> list[Path]:
    Path("notes.md").write_text("# Notes\n\n- **one**\n- <img src=x onerror=alert(1)>\n")
    Path("data.json").write_text('{"parts": [{"name": "spring", "turns": 7}]}')
    Path("long.txt").write_text("\n".join(f"line {number}" for number in range(20_000)))
    Path("solid.glb").write_bytes(b"glTF" + bytes(1000))
    return [Path(name) for name in ("notes.md", "data.json", "long.txt", "solid.glb")]


class Runner(BaseRunner):
    def run(
        self,
        what: str = Input(
            description="What to make", choices=["picture", "pictures", "sound", "page", "files"], default="picture"
        ),
        image: Optional[Path] = Input(description="A picture to turn", default=None),
        delay: float = Input(description="Seconds for each of ten steps", ge=0, le=5, default=0),
    ) -> list[Path]:
        for step in range(11):
            bar = "█" * step + " " * (10 - step)
            print(f"\r{step * 10:3}%|{bar}| {step}/10 [00:0{step % 10}<00:0{(10 - step) % 10}]", end="", file=sys.stderr, flush=True)
            time.sleep(delay)
        print("made", what)
        makers = {
            "picture": lambda: [png("picture.png", 0.4 if image else 0)],
            "pictures": lambda: [png(f"picture-{n}.png", n) for n in range(4)],
            "sound": lambda: [tone()],
            "page": lambda: [page()],
            "files": files,
        }
        return makers[what]()
