"""BLIP-2, by transformers: says what is in an image, and answers questions about it."""

import os
from typing import Any, Optional

import torch
from cog import BaseRunner, Input, Path
from PIL import Image, ImageOps
from transformers import Blip2ForConditionalGeneration, Blip2Processor

from weights import weights_directory

LONGEST = 30  # tokens of an answer, as BLIP-2's authors have it
CAPTION = "a photo of"


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


class Runner(BaseRunner):
    def setup(self) -> None:
        directory = weights_directory("salesforce/blip-2")
        torch.set_num_threads(threads())
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.dtype = torch.float16 if self.device == "cuda" else torch.float32
        self.processor = Blip2Processor.from_pretrained(directory, local_files_only=True)
        model = Blip2ForConditionalGeneration.from_pretrained(
            directory, dtype=self.dtype, use_safetensors=True, local_files_only=True
        )
        self.model = model.to(self.device).eval()

    def run(
        self,
        image: Path = Input(description="Input image to query or caption"),
        caption: bool = Input(
            description="Select if you want to generate image captions instead of asking questions", default=False
        ),
        question: str = Input(
            description="Question to ask about this image. Leave blank for captioning",
            default="What is this a picture of?",
        ),
        context: Optional[str] = Input(
            description="Optional - previous questions and answers to be used as context for answering current "
            "question",
            default=None,
        ),
        use_nucleus_sampling: bool = Input(
            description="Toggles the model using nucleus sampling to generate responses", default=False
        ),
        temperature: float = Input(
            description="Temperature for use with nucleus sampling", ge=0.5, le=1.0, default=1.0
        ),
    ) -> str:
        picture = ImageOps.exif_transpose(Image.open(image)).convert("RGB")
        if caption or not question.strip():
            prompt = CAPTION
        else:
            prompt = " ".join([*([context] if context else []), f"Question: {question} Answer:"])
        how: dict[str, Any] = {"num_beams": 5}
        if use_nucleus_sampling:
            how = {"do_sample": True, "top_p": 0.9, "top_k": 0, "temperature": temperature}
        return self.answer(picture, prompt, how)

    def answer(self, picture: Image.Image, prompt: str, how: dict[str, Any]) -> str:
        given = self.processor(images=picture, text=prompt, return_tensors="pt").to(self.device, self.dtype)
        written = self.model.generate(**given, **how, max_new_tokens=LONGEST)
        if self.model.config.use_decoder_only_language_model:
            written = written[:, given["input_ids"].shape[1] :]  # such a model repeats what it was asked
        self.record_metric("input_token_count", given["input_ids"].shape[1])
        self.record_metric("output_token_count", written.shape[1])
        return self.processor.batch_decode(written, skip_special_tokens=True)[0].strip()
