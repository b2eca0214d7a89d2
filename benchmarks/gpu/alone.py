"""The engine by itself, in the model's own Python and directory: `python alone.py '{"requests": [1, 8], …}'`.

Prints a line of JSON for each round: {"requests", "seconds", "first"}; first: the median wait for a first token, in s.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))


async def main(plan: dict[str, Any]) -> None:
    """plan: requests, rounds, prompt, tokens."""
    from chat import read_config, start_engine
    from chat.weights import find_weights

    config = read_config(Path("chat.toml"))
    engine = start_engine(config, find_weights(config))
    await _round(engine, plan, 1)
    for _ in range(plan["rounds"]):
        for requests in plan["requests"]:
            print(json.dumps(await _round(engine, plan, requests)), flush=True)
    engine.close()


async def _round(engine: Any, plan: dict[str, Any], requests: int) -> dict[str, float]:
    began = time.perf_counter()
    firsts = await asyncio.gather(*(_answer(engine, plan, seed) for seed in range(requests)))
    seconds = time.perf_counter() - began
    return {"requests": requests, "seconds": seconds, "first": statistics.median(firsts)}


async def _answer(engine: Any, plan: dict[str, Any], seed: int) -> float:
    from chat import Answers, Sampling, fill_in
    from chat.stops import Stops

    sampling = Sampling(plan["tokens"], 0, 1.0, 1.0, 0, 0.0, 0.0, seed)
    answer = Answers(engine, fill_in("", plan["prompt"], "{prompt}"), sampling, Stops(()))
    async for _ in answer.texts():
        pass
    if answer.written != plan["tokens"]:
        raise RuntimeError(f"{answer.written} of {plan['tokens']} tokens were written")
    return float(answer.metrics()["time_to_first_token"])


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
