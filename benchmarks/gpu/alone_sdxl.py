"""`python alone_sdxl.py DIR SIDE STEPS ROUNDS`: the pipeline without platform or Cog; prints JSON.

load_s: from the start of the process until it could draw; rates: images/s of each round; memory: bytes of the GPU at
the peak, 0 without one. Runs in the model's environment.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline


def main() -> None:
    """One round to warm up, then those that count."""
    began = time.time() - time.process_time()
    directory, (side, steps, rounds) = sys.argv[1], map(int, sys.argv[2:])
    gpu = torch.cuda.is_available()
    kind: dict[str, Any] = {"torch_dtype": torch.float16, "variant": "fp16"} if gpu else {}
    pipeline = StableDiffusionXLPipeline.from_pretrained(directory, use_safetensors=True, **kind)
    pipeline.to("cuda" if gpu else "cpu")
    load_s = time.time() - began
    rates = [_rate(pipeline, side, steps, number) for number in range(rounds + 1)][1:]
    memory = torch.cuda.max_memory_reserved() if gpu else 0
    print(json.dumps({"load_s": load_s, "rates": rates, "memory": memory}))


def _rate(pipeline: Any, side: int, steps: int, seed: int) -> float:
    began = time.perf_counter()
    generator = torch.Generator(pipeline.device).manual_seed(seed)
    pipeline("a lighthouse", width=side, height=side, num_inference_steps=steps, generator=generator)
    return 1 / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
