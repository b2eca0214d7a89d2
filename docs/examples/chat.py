"""Run a chat model; its answer comes as the pieces that it was written in."""

import replicate

output = replicate.run(
    "meta/meta-llama-3-8b-instruct",
    input={"prompt": "List three uses of copper.", "max_tokens": 40, "temperature": 0.1, "seed": 1},
)
print("".join(output))
