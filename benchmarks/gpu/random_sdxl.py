"""`python random_sdxl.py DIR SIZE`: SDXL with random weights, `full` (of the public model's sizes) or `tiny`.

Runs in the model's environment, not in the platform's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

_CROSS = ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D")
_FULL: dict[str, Any] = {
    "words": 49408,
    "text": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
    },
    "text_2": {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 20,
    },
    "unet": {
        "block_out_channels": (320, 640, 1280),
        "layers_per_block": 2,
        "sample_size": 128,
        "down_block_types": ("DownBlock2D", _CROSS[0], _CROSS[0]),
        "up_block_types": (_CROSS[1], _CROSS[1], "UpBlock2D"),
        "attention_head_dim": (5, 10, 20),
        "transformer_layers_per_block": (1, 2, 10),
        "addition_time_embed_dim": 256,
    },
    "vae": {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "sample_size": 1024},
}
_TINY: dict[str, Any] = {
    "words": 600,
    "text": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
    "text_2": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
    "unet": {
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "sample_size": 16,
        "down_block_types": ("DownBlock2D", _CROSS[0]),
        "up_block_types": (_CROSS[1], "UpBlock2D"),
        "attention_head_dim": (4, 8),
        "transformer_layers_per_block": (1, 1),
        "addition_time_embed_dim": 8,
        "norm_num_groups": 8,
    },
    "vae": {
        "block_out_channels": (16, 32, 32),
        "layers_per_block": 1,
        "sample_size": 64,
        "norm_num_groups": 8,
    },
}


def build(sizes: dict[str, Any]) -> StableDiffusionXLPipeline:
    """The pipeline on the default device, in the default type."""
    words: int = sizes["words"]
    ends = {
        "bos_token_id": words - 2,
        "eos_token_id": words - 1,
        "pad_token_id": words - 1,
        "vocab_size": words,
    }
    text, text_2 = (
        CLIPTextConfig(**sizes[key], **ends, projection_dim=sizes[key]["hidden_size"])
        for key in ("text", "text_2")
    )
    levels = len(sizes["vae"]["block_out_channels"])
    unet = UNet2DConditionModel(
        **sizes["unet"],
        use_linear_projection=True,
        addition_embed_type="text_time",
        projection_class_embeddings_input_dim=6 * sizes["unet"]["addition_time_embed_dim"]
        + text_2.hidden_size,
        cross_attention_dim=text.hidden_size + text_2.hidden_size,
    )
    vae = AutoencoderKL(
        **sizes["vae"],
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        scaling_factor=0.13025,
    )
    tokenizer = _tokenizer(words)
    return StableDiffusionXLPipeline(
        vae=vae,
        unet=unet,
        text_encoder=CLIPTextModel(text),
        text_encoder_2=CLIPTextModelWithProjection(text_2),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        add_watermarker=False,
    )


def _tokenizer(words: int) -> CLIPTokenizer:
    """It knows letters, as themselves and at the end of a word; the other words are there to be counted."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    known = [*letters, *(f"{letter}</w>" for letter in letters)]
    filler = [f"word{number}" for number in range(words - len(known) - 2)]
    table = {
        word: number for number, word in enumerate([*known, *filler, "<|startoftext|>", "<|endoftext|>"])
    }
    return CLIPTokenizer(vocab=table, merges=[], model_max_length=77)


def main() -> None:
    """Save the pipeline in half precision where a GPU made it."""
    gpu = torch.cuda.is_available()
    torch.manual_seed(0)
    if gpu:
        torch.set_default_dtype(torch.float16)
    with torch.device("cuda" if gpu else "cpu"):
        pipeline = build({"full": _FULL, "tiny": _TINY}[sys.argv[2]])
    pipeline.save_pretrained(Path(sys.argv[1]), variant="fp16" if gpu else None)


if __name__ == "__main__":
    main()
