"""SDXL's pipelines over one set of weights in memory, and what may be added to them."""

import os
from pathlib import Path
from typing import Any, Optional

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from diffusers.pipelines.stable_diffusion_xl.watermark import StableDiffusionXLWatermarker
from PIL import Image
from transformers import CLIPImageProcessor

SCHEDULERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "DDIM": (DDIMScheduler, {}),
    "DPMSolverMultistep": (DPMSolverMultistepScheduler, {}),
    "HeunDiscrete": (HeunDiscreteScheduler, {}),
    "KarrasDPM": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "K_EULER_ANCESTRAL": (EulerAncestralDiscreteScheduler, {}),
    "K_EULER": (EulerDiscreteScheduler, {}),
    "PNDM": (PNDMScheduler, {}),
}


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def device() -> tuple[str, torch.dtype]:
    return ("cuda", torch.float16) if torch.cuda.is_available() else ("cpu", torch.float32)


def variant(directory: Path) -> Optional[str]:
    """"fp16" where these files are wanted, or are all there is."""
    half = any(directory.glob("unet/*.fp16*.safetensors"))
    full = any(path for path in directory.glob("unet/*.safetensors") if ".fp16" not in path.name)
    return "fp16" if half and (torch.cuda.is_available() or not full) else None


def load(pipeline: Any, directory: Path, **shared: Any) -> Any:
    where, dtype = device()
    loaded = pipeline.from_pretrained(
        directory,
        torch_dtype=dtype,
        variant=variant(directory),
        use_safetensors=True,
        local_files_only=True,
        add_watermarker=False,
        **shared,
    )
    return loaded.to(where)


class Pipelines:
    """text, image and inpaint: the base model's; refiner: None unless the weights have one."""

    def __init__(self, directory: Path) -> None:
        self.text = load(StableDiffusionXLPipeline, directory)
        parts = self.text.components
        self.image = StableDiffusionXLImg2ImgPipeline(**parts, add_watermarker=False)
        self.inpaint = StableDiffusionXLInpaintPipeline(**parts, add_watermarker=False)
        self.refiner = None
        if (directory / "refiner" / "model_index.json").exists():
            common = {"text_encoder_2": self.text.text_encoder_2, "vae": self.text.vae}
            self.refiner = load(StableDiffusionXLImg2ImgPipeline, directory / "refiner", **common)
        self.watermarker = StableDiffusionXLWatermarker()
        self._schedules = {
            id(pipe): pipe.scheduler.config
            for pipe in (self.text, self.image, self.inpaint, self.refiner)
            if pipe
        }

    def prepare(self, pipe: Any, scheduler: str, watermark: bool) -> None:
        """Set what differs from one prediction to the next, whatever the one before left."""
        kind, options = SCHEDULERS[scheduler]
        pipe.scheduler = kind.from_config(self._schedules[id(pipe)], **options)
        pipe.watermark = self.watermarker if watermark else None


class SafetyChecker:
    """Sorts out images that look unsafe, by `safety_checker` and `feature_extractor` of the weights."""

    def __init__(self, directory: Path) -> None:
        self._where, self._dtype = device()
        self._features = CLIPImageProcessor.from_pretrained(directory / "feature_extractor", local_files_only=True)
        checker = StableDiffusionSafetyChecker.from_pretrained(
            directory / "safety_checker", torch_dtype=self._dtype, use_safetensors=True, local_files_only=True
        )
        self._checker = checker.to(self._where).eval()

    @staticmethod
    def found(directory: Path) -> Optional["SafetyChecker"]:
        names = "safety_checker/config.json", "feature_extractor/preprocessor_config.json"
        if all((directory / name).exists() for name in names):
            return SafetyChecker(directory)
        print("the weights have no safety_checker: images are not checked")
        return None

    def unsafe(self, images: list[Image.Image]) -> list[bool]:
        seen = self._features(images, return_tensors="pt").pixel_values.to(self._where, self._dtype)
        _, flags = self._checker(clip_input=seen, images=torch.zeros(len(images), 1))
        return flags
