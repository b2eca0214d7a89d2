"""A chat language model: Replicate's inputs, a streamed answer, many requests at once in one instance."""

import contextlib
import secrets
from pathlib import Path
from typing import Optional

from chat import Answers, Sampling, fill_in, read_config, start_engine
from chat.prompts import own_template
from chat.stops import Stops
from chat.weights import find_weights, foreign, whose
from cog import AsyncConcatenateIterator, BaseRunner, Input

CONFIG = read_config(Path(__file__).with_name("chat.toml"))
DEFAULTS = CONFIG.defaults


class Runner(BaseRunner):
    async def setup(self) -> None:
        weights = find_weights(CONFIG)
        print(whose(CONFIG))
        if foreign() and DEFAULTS.prompt_template:
            print("prompt template: that of the weights")
        self.engine = start_engine(CONFIG, weights)
        print(f"engine: {self.engine.name}")

    async def run(
        self,
        prompt: str = Input(description="Prompt", default=""),
        system_prompt: str = Input(
            description="System prompt to send to the model. It helps guide the system's behavior. "
            "Ignored where prompt_template has no {system_prompt}.",
            default=DEFAULTS.system_prompt,
        ),
        max_tokens: int = Input(
            description="The maximum number of tokens the model should generate as output.",
            default=DEFAULTS.max_tokens,
            ge=1,
        ),
        min_tokens: int = Input(
            description="The minimum number of tokens the model should generate as output.",
            default=DEFAULTS.min_tokens,
            ge=0,
        ),
        temperature: float = Input(
            description="The value used to modulate the next token probabilities; 0 always takes the likeliest.",
            default=DEFAULTS.temperature,
            ge=0,
            le=5,
        ),
        top_p: float = Input(
            description="A probability threshold for generating the output. If < 1.0, only keep the top tokens "
            "with cumulative probability >= top_p (nucleus filtering).",
            default=DEFAULTS.top_p,
            ge=0,
            le=1,
        ),
        top_k: int = Input(
            description="The number of highest probability tokens to consider for generating the output. "
            "If > 0, only keep the top k tokens with highest probability (top-k filtering).",
            default=DEFAULTS.top_k,
            ge=-1,
        ),
        presence_penalty: float = Input(
            description="Presence penalty: held against each token that the answer has already.",
            default=DEFAULTS.presence_penalty,
        ),
        frequency_penalty: float = Input(
            description="Frequency penalty: held against each token for each time that the answer has it.",
            default=DEFAULTS.frequency_penalty,
        ),
        stop_sequences: Optional[str] = Input(
            description="A comma-separated list of sequences to stop generation at. For example, "
            "'<end>,<stop>' will stop generation at the first instance of '<end>' or '<stop>'.",
            default=DEFAULTS.stop_sequences,
        ),
        prompt_template: Optional[str] = Input(
            description="A template to format the prompt with, in which {prompt} and {system_prompt} are "
            "replaced. If not provided, the default prompt template will be used.",
            default=DEFAULTS.prompt_template,
        ),
        seed: Optional[int] = Input(
            description="Random seed. Leave blank to randomize the seed.", default=None
        ),
        max_new_tokens: Optional[int] = Input(
            description="An older name of max_tokens, which it overrides.", default=None, ge=1
        ),
        min_new_tokens: Optional[int] = Input(
            description="An older name of min_tokens, which it overrides.", default=None, ge=-1
        ),
        log_performance_metrics: bool = Input(
            description="Print how many tokens were read and written, and how fast.", default=False
        ),
    ) -> AsyncConcatenateIterator[str]:
        most = max_tokens if max_new_tokens is None else max_new_tokens
        least = min_tokens if min_new_tokens is None else max(0, min_new_tokens)
        sampling = Sampling(
            max_tokens=most,
            min_tokens=min(least, most),
            temperature=temperature,
            top_p=top_p,
            top_k=max(0, top_k),
            presence_penalty=presence_penalty,
            frequency_penalty=frequency_penalty,
            seed=secrets.randbelow(1 << 31) if seed is None else seed,
        )
        template = own_template(prompt_template, DEFAULTS.prompt_template, foreign=foreign())
        asked = fill_in(system_prompt, prompt, template)
        answer = Answers(self.engine, asked, sampling, Stops.listed(stop_sequences))
        if seed is None:
            print(f"Random seed used: {sampling.seed}")
        try:
            async with contextlib.aclosing(answer.texts()) as texts:
                async for text in texts:
                    yield text
        finally:
            for name, value in answer.metrics().items():
                self.record_metric(name, value)
                if log_performance_metrics:
                    print(f"{name}: {value:.6g}")
