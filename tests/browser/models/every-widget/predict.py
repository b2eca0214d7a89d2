"""One input of every kind that Cog knows; gives back what it was given."""

from typing import Any, Optional

from cog import BaseRunner, Input, Path, Secret


class Runner(BaseRunner):
    def run(
        self,
        prompt: str = Input(description="What to say.\nTwo lines of help.", min_length=2, max_length=2000),
        mode: str = Input(description="How to say it", choices=["plain", "loud", "soft"], default="plain"),
        size: int = Input(description="One of a few numbers", choices=[256, 512], default=512),
        steps: int = Input(description="How often", ge=1, le=100, default=30),
        guidance: float = Input(description="How much", ge=0, le=20, default=7.5),
        count: Optional[int] = Input(description="A number without an upper end", ge=0, default=None),
        seed: Optional[int] = Input(description="The same seed gives the same answer", default=None),
        shout: bool = Input(description="In capitals", default=False),
        image: Optional[Path] = Input(description="A picture", default=None),
        audio: Optional[Path] = Input(description="A sound", default=None),
        images: Optional[list[Path]] = Input(description="Several pictures", default=None),
        tags: list[str] = Input(description="Words", default=["one", "two"]),
        weights: Optional[list[float]] = Input(description="Numbers", default=None),
        key: Optional[Secret] = Input(description="Nobody reads this", default=None),
        options: Optional[dict] = Input(description="Anything else", default=None),
        note: Optional[str] = Input(description="Can be left out", default=None),
        old_way: Optional[str] = Input(description="Use mode", default=None, deprecated=True),
    ) -> dict[str, Any]:
        given = {
            "prompt": prompt.upper() if shout else prompt,
            "mode": mode,
            "size": size,
            "steps": steps,
            "guidance": guidance,
            "count": count,
            "seed": seed,
            "image": image.read_bytes()[:8].hex() if image else None,
            "audio": len(audio.read_bytes()) if audio else None,
            "images": [len(one.read_bytes()) for one in images or []],
            "tags": tags,
            "weights": weights,
            "key": len(key.get_secret_value()) if key else None,
            "options": options,
            "note": note,
        }
        print("given:", sorted(name for name, value in given.items() if value is not None))
        return given
