"""`python blip2.py DIR`: BLIP-2 with T5, as the public model has it, tiny and with random weights."""

import sys
from pathlib import Path

import torch
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    T5Config,
)

SHAPES = Path(__file__).parents[2] / "weights" / "blip2-shapes"
WIDTH = 32


def main() -> None:
    folder = Path(sys.argv[1])
    torch.manual_seed(3)
    processor = Blip2Processor.from_pretrained(SHAPES)
    size = len(processor.tokenizer)
    common = {"hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Blip2Config(
        vision_config=Blip2VisionConfig(
            image_size=64, patch_size=16, initializer_range=0.5, **common
        ).to_dict(),
        qformer_config=Blip2QFormerConfig(
            vocab_size=size,
            encoder_hidden_size=WIDTH,
            cross_attention_frequency=1,
            initializer_range=0.5,
            **common,
        ).to_dict(),
        text_config=T5Config(
            vocab_size=size,
            d_model=WIDTH,
            d_kv=16,
            d_ff=64,
            num_layers=2,
            num_heads=2,
            initializer_factor=4.0,
            decoder_start_token_id=0,
        ).to_dict(),
        num_query_tokens=8,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = Blip2ForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


if __name__ == "__main__":
    main()
