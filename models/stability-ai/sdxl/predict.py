"""Stable Diffusion XL, by diffusers: text to image, image to image, inpainting; with refiner and LoRA weights."""

import secrets
import tempfile
from pathlib import Path as LocalPath
from typing import Any, Optional

import torch
from cog import BaseRunner, Input, Path
from PIL import Image, ImageOps

from lora import Adapters
from pipelines import Pipelines, SafetyChecker, device, threads
from weights import weights_directory


def picture(path: Path) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


class Runner(BaseRunner):
    def setup(self) -> None:
        directory = weights_directory("stability-ai/sdxl")
        torch.set_num_threads(threads())
        self.pipelines = Pipelines(directory)
        self.adapters = Adapters(self.pipelines.text, directory)
        self.safety = SafetyChecker.found(directory)
        self.folder = tempfile.TemporaryDirectory(prefix="sdxl-")

    def run(
        self,
        prompt: str = Input(description="Input prompt", default="An astronaut riding a rainbow unicorn"),
        negative_prompt: str = Input(description="Input Negative Prompt", default=""),
        image: Optional[Path] = Input(description="Input image for img2img or inpaint mode", default=None),
        mask: Optional[Path] = Input(
            description="Input mask for inpaint mode. Black areas will be preserved, white areas will be inpainted.",
            default=None,
        ),
        width: int = Input(description="Width of output image", default=1024),
        height: int = Input(description="Height of output image", default=1024),
        num_outputs: int = Input(description="Number of images to output.", ge=1, le=4, default=1),
        scheduler: str = Input(
            description="scheduler",
            choices=[
                "DDIM",
                "DPMSolverMultistep",
                "HeunDiscrete",
                "KarrasDPM",
                "K_EULER_ANCESTRAL",
                "K_EULER",
                "PNDM",
            ],
            default="K_EULER",
        ),
        num_inference_steps: int = Input(description="Number of denoising steps", ge=1, le=500, default=50),
        guidance_scale: float = Input(
            description="Scale for classifier-free guidance", ge=1, le=50, default=7.5
        ),
        prompt_strength: float = Input(
            description="Prompt strength when using img2img / inpaint. "
            "1.0 corresponds to full destruction of information in image",
            ge=0.0,
            le=1.0,
            default=0.8,
        ),
        seed: Optional[int] = Input(
            description="Random seed. Leave blank to randomize the seed", default=None
        ),
        refine: str = Input(
            description="Which refine style to use",
            choices=["no_refiner", "expert_ensemble_refiner", "base_image_refiner"],
            default="no_refiner",
        ),
        high_noise_frac: float = Input(
            description="For expert_ensemble_refiner, the fraction of noise to use", ge=0.0, le=1.0, default=0.8
        ),
        refine_steps: Optional[int] = Input(
            description="For base_image_refiner, the number of steps to refine, defaults to num_inference_steps",
            default=None,
        ),
        apply_watermark: bool = Input(
            description="Applies a watermark to enable determining if an image is generated in downstream "
            "applications. If you have other provisions for generating or deploying images safely, you can use this "
            "to disable watermarking.",
            default=True,
        ),
        lora_scale: float = Input(
            description="LoRA additive scale. Only applicable on trained models.", ge=0.0, le=1.0, default=0.6
        ),
        replicate_weights: Optional[str] = Input(
            description="LoRA weights to use: a data: URI of a .safetensors or .tar file, or the name of one in loras/ "
            "of the model's weights. Leave blank to use the default weights.",
            default=None,
        ),
        disable_safety_checker: bool = Input(
            description="Disable safety checker for generated images.", default=False
        ),
    ) -> list[Path]:
        pipelines = self.pipelines
        if refine != "no_refiner" and pipelines.refiner is None:
            raise ValueError(
                f"{refine} needs the refiner, which these weights lack: put it into refiner/ of their directory"
            )
        if seed is None:
            seed = secrets.randbelow(1 << 16)
        print(f"Using seed: {seed}")
        prompt = self.adapters.wear(replicate_weights, lora_scale, prompt)
        print(f"Prompt: {prompt}")

        pipe, options = self.mode(image, mask, width, height, prompt_strength)
        # The last step of all is not the refiner's to skip: with all the noise to the base model, it stands alone.
        if refine == "expert_ensemble_refiner" and high_noise_frac == 1:
            refine = "no_refiner"
        common = {
            "prompt": [prompt] * num_outputs,
            "negative_prompt": [negative_prompt] * num_outputs,
            "guidance_scale": guidance_scale,
            "generator": torch.Generator(device()[0]).manual_seed(seed),
            "num_inference_steps": num_inference_steps,
        }
        split = max(high_noise_frac, 0.01)
        if refine != "no_refiner":
            options["output_type"] = "latent"
        if refine == "expert_ensemble_refiner":
            options["denoising_end"] = split
        pipelines.prepare(pipe, scheduler, apply_watermark)
        self.steps = 0
        images = pipe(**common, **options, callback_on_step_end=self.count).images

        if refine != "no_refiner":
            options = {"image": images}
            if refine == "expert_ensemble_refiner":
                options["denoising_start"] = split
            elif refine_steps:
                common["num_inference_steps"] = refine_steps
            pipelines.prepare(pipelines.refiner, scheduler, apply_watermark)
            images = pipelines.refiner(**common, **options, callback_on_step_end=self.count).images
        return self.save(images, check=not disable_safety_checker)

    def mode(
        self, image: Optional[Path], mask: Optional[Path], width: int, height: int, strength: float
    ) -> tuple[Any, dict[str, Any]]:
        """The pipeline for what was given, and what only it takes."""
        size = {"width": width, "height": height}
        if image is None:
            if mask is not None:
                print("mask is ignored: there is no image")
            print("txt2img mode")
            return self.pipelines.text, size
        given = {"image": picture(image), "strength": strength}
        if mask is None:
            print("img2img mode")
            return self.pipelines.image, given
        print("inpainting mode")
        return self.pipelines.inpaint, {**given, **size, "mask_image": picture(mask)}

    def count(self, _pipe: Any, _step: int, _time: Any, changes: dict[str, Any]) -> dict[str, Any]:
        self.steps += 1
        return changes

    def save(self, images: list[Image.Image], check: bool) -> list[Path]:
        unsafe = self.safety.unsafe(images) if check and self.safety else [False] * len(images)
        paths = []
        for number, (image, hidden) in enumerate(zip(images, unsafe)):
            if hidden:
                print(f"NSFW content detected in image {number}")
                continue
            path = LocalPath(self.folder.name, f"out-{number}.png")
            image.save(path)
            paths.append(Path(path))
        if not paths:
            raise ValueError("NSFW content detected. Try running it again, or try a different prompt.")
        self.record_metric("total_inference_steps", self.steps)
        self.record_metric("num_outputs", len(images))
        self.record_metric("image_count", len(paths))
        self.record_metric("width", images[0].width)
        self.record_metric("height", images[0].height)
        return paths
