"""Goes on with a text, by any causal language model that lies in `weights`."""

import torch
from cog import BasePredictor, Input
from transformers import AutoModelForCausalLM, AutoTokenizer


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained("weights", local_files_only=True)
        self.model = AutoModelForCausalLM.from_pretrained("weights", local_files_only=True).eval()

    def predict(
        self,
        prompt: str = Input(description="How the text begins"),
        length: int = Input(description="Tokens to write", default=50, ge=1, le=500),
        temperature: float = Input(description="0 always takes the likeliest", default=0.7, ge=0),
        seed: int = Input(description="The same seed writes the same text", default=0),
    ) -> str:
        torch.manual_seed(seed)
        asked = self.tokenizer(prompt, return_tensors="pt")
        drawn = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        with torch.inference_mode():
            written = self.model.generate(
                input_ids=asked.input_ids, attention_mask=asked.attention_mask, max_new_tokens=length, **drawn
            )
        return str(self.tokenizer.decode(written[0], skip_special_tokens=True))
