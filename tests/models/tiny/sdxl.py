"""`python sdxl.py DIR`: the classes of SDXL, its refiner, safety checker and LoRA, tiny and with random weights.

DIR/weights is laid out as the model wants it; DIR/trained.tar is a LoRA as trainers on Replicate pack it.
"""

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from peft import LoraConfig, get_peft_model_state_dict
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
)

TOKENIZER = Path(__file__).parents[2] / "weights" / "sdxl-shapes" / "tokenizer"
WIDTH = 32


def text_config(size: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=size,
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=24,
        projection_dim=WIDTH,
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
    )


def unet(encoders: int, ids: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(4, 8),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=8 * ids + WIDTH,
        cross_attention_dim=WIDTH * encoders,
        norm_num_groups=8,
    )


def vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(16, 16, 32),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=64,
    )


def save_pipelines(folder: Path) -> StableDiffusionXLPipeline:
    tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )
    shared: dict[str, Any] = {
        "vae": vae(),
        "text_encoder_2": CLIPTextModelWithProjection(text_config(len(tokenizer))),
        "tokenizer": tokenizer,
        "tokenizer_2": tokenizer,
        "scheduler": scheduler,
        "add_watermarker": False,
    }
    base = StableDiffusionXLPipeline(
        **shared, text_encoder=CLIPTextModel(text_config(len(tokenizer))), unet=unet(2, 6)
    )
    base.save_pretrained(folder)
    shared.update(text_encoder=None, tokenizer=None, unet=unet(1, 5), requires_aesthetics_score=True)
    StableDiffusionXLImg2ImgPipeline(**shared).save_pretrained(folder / "refiner")
    return base


def save_safety_checker(folder: Path, threshold: float) -> None:
    """Above the threshold an image is unsafe: -1 finds all to be so, 1 none."""
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    config = CLIPConfig(
        text_config=text_config(16).to_dict(), vision_config=vision.to_dict(), projection_dim=WIDTH
    )
    checker = StableDiffusionSafetyChecker(config)
    checker.concept_embeds.data.normal_()
    checker.special_care_embeds.data.normal_()
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.special_care_embeds_weights.data.fill_(1)
    checker.save_pretrained(folder / "safety_checker")
    size = {"height": 32, "width": 32}
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size).save_pretrained(
        folder / "feature_extractor"
    )


def save_lora(base: StableDiffusionXLPipeline, folder: Path) -> None:
    layers = ["to_q", "to_k", "to_v", "to_out.0"]
    base.unet.add_adapter(LoraConfig(r=4, lora_alpha=16, init_lora_weights=False, target_modules=layers))
    StableDiffusionXLPipeline.save_lora_weights(
        folder / "loras",
        unet_lora_layers=get_peft_model_state_dict(base.unet),
        weight_name="rough.safetensors",
    )


def save_trained(folder: Path) -> None:
    """The names and files of the first trainer of SDXL on Replicate."""
    tensors = {}
    network = unet(2, 6)
    for name in network.attn_processors:
        attention = network.get_submodule(name.removesuffix(".processor"))
        for part in ("q", "k", "v", "out"):
            layer = attention.to_out[0] if part == "out" else getattr(attention, f"to_{part}")
            tensors[f"{name}.to_{part}_lora.down.weight"] = torch.randn(4, layer.in_features)
            tensors[f"{name}.to_{part}_lora.up.weight"] = torch.randn(layer.out_features, 4)
    rows = {f"text_encoders_{number}": torch.randn(2, WIDTH) for number in range(2)}
    files = {
        "lora.safetensors": safetensors.torch.save(tensors),
        "embeddings.pti": safetensors.torch.save(rows),
        "special_params.json": json.dumps({"TOK": "<s0><s1>"}).encode(),
    }
    with tarfile.open(folder / "trained.tar", "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def main() -> None:
    folder = Path(sys.argv[1])
    torch.manual_seed(3)
    base = save_pipelines(folder / "weights")
    save_safety_checker(folder / "weights", float(sys.argv[2]))
    save_lora(base, folder / "weights")
    save_trained(folder)


if __name__ == "__main__":
    main()
