"""min(DALL·E): draws a grid of images from text, and shows them while they come about."""

import os
import secrets
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path as LocalPath
from typing import Optional

import torch
from cog import BaseRunner, Input, Path

from painter import Painter
from weights import weights_directory


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


class Runner(BaseRunner):
    def setup(self) -> None:
        directory = weights_directory("kuprel/min-dalle")
        torch.set_num_threads(threads())  # after the import of min_dalle, which takes every core
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cpu":
            warnings.filterwarnings("ignore", message=".*autocast|.*CUDA is not available")
        self.painter = Painter(directory, device)
        self.folder = tempfile.TemporaryDirectory(prefix="min-dalle-")

    def run(
        self,
        text: str = Input(
            description="For long prompts, only the first 64 tokens will be used to generate the image.",
            default="Dali painting of WALL·E",
        ),
        save_as_png: bool = Input(
            description="If selected, the image is saved in lossless png format, otherwise jpg.", default=False
        ),
        progressive_outputs: bool = Input(
            description="Show intermediate outputs while running. This adds less than a second to the run time.",
            default=True,
        ),
        seamless: bool = Input(
            description="Tile images in token space instead of pixel space. This has the effect of blending the "
            "images at the borders.",
            default=False,
        ),
        grid_size: int = Input(
            description="Size of the image grid. 5x5 takes about 15 seconds, 9x9 takes about 40 seconds.",
            ge=1,
            le=9,
            default=5,
        ),
        temperature: float = Input(
            description="High temperature increases the probability of sampling low scoring image tokens.",
            ge=0.01,
            le=16,
            default=1,
        ),
        top_k: int = Input(
            description="Each image token is sampled from the top-k scoring tokens.",
            choices=[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384],
            default=128,
        ),
        supercondition_factor: int = Input(
            description="Higher values can result in better agreement with the text.",
            choices=[4, 8, 16, 32, 64],
            default=16,
        ),
        seed: Optional[int] = Input(
            description="Random seed. Leave blank, or give none above 0, to randomize the seed", default=None
        ),
    ) -> Iterator[Path]:
        if seed is None or seed <= 0:
            seed = 1 + secrets.randbelow(1 << 16)
        print(f"Using seed: {seed}")
        images = self.painter.generate_image_stream(
            text=text,
            seed=seed,
            grid_size=grid_size,
            progressive_outputs=progressive_outputs,
            is_seamless=seamless,
            temperature=temperature,
            top_k=top_k,
            supercondition_factor=supercondition_factor,
        )
        last = 8 if progressive_outputs else 1
        for number, image in enumerate(images, start=1):
            kind = "png" if save_as_png and number == last else "jpg"
            path = LocalPath(self.folder.name, f"min-dalle-iter-{number}.{kind}")
            image.save(path)
            print(f"{number} of {last}")
            yield Path(path)
        self.record_metric("image_count", grid_size * grid_size)
