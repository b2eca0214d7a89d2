"""Print an answer while it is written."""

import replicate

for event in replicate.stream(
    "meta/meta-llama-3-8b-instruct",
    input={"prompt": "List three uses of copper.", "max_tokens": 40, "temperature": 0.1, "seed": 1},
):
    print(str(event), end="", flush=True)
print()
