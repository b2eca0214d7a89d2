"""Ask several questions at once, asynchronously, and stream one more answer."""

import asyncio

import replicate

MODEL = "meta/meta-llama-3-8b-instruct"


async def ask(metal: str) -> str:
    prompt = f"Tell me about {metal}."
    return "".join(await replicate.async_run(MODEL, input={"prompt": prompt, "max_tokens": 20}))


async def main() -> None:
    for answer in await asyncio.gather(*(ask(metal) for metal in ("copper", "iron", "gold"))):
        print("-", " ".join(answer.split()))
    async for event in await replicate.async_stream(MODEL, input={"prompt": "And tin?", "max_tokens": 20}):
        print(str(event), end="", flush=True)
    print()


asyncio.run(main())
