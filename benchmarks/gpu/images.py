"""`python -m benchmarks.gpu.images`: SDXL with random weights of full size, through the platform and alone.

On a GPU: 1024 x 1024 pixels, 30 steps. `--cpu --tiny`: the same code on any machine; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from benchmarks.connection import TOKEN, Broken
from benchmarks.house import OWNER, House
from benchmarks.measures import Line, absolute, ratio
from benchmarks.processes import COMMAND, Process, plain_environ, wait_until_childless
from benchmarks.report import machine, machine_line, table

_HERE = Path(__file__).parent
_NAME = "stability-ai/sdxl"
_MODEL = _HERE.parents[1] / "models" / _NAME
_LIMIT_S = 900
_GROW_S = 120


@dataclass(frozen=True, slots=True)
class Job:
    """side: pixels; rounds: predictions that count; instances: how many at most, for each figure of several."""

    house: House
    weights: Path
    python: Path
    side: int
    steps: int
    rounds: int
    instances: tuple[int, ...]
    gpu: bool


class Client:
    """One user of the platform."""

    def __init__(self, server: Process) -> None:
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{server.port}/v1",
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=90,
            trust_env=False,
        )

    def draw(self, side: int, steps: int, seed: int) -> float:
        """Seconds from the request to the image. Raises Broken when there is none."""
        given = {"prompt": "a lighthouse", "width": side, "height": side, "num_inference_steps": steps}
        given |= {"seed": seed, "apply_watermark": False}
        began = time.perf_counter()
        reply = self._http.post(f"/models/{_NAME}/predictions", json={"input": given})
        reply.raise_for_status()
        prediction = reply.json()
        while prediction["status"] in ("starting", "processing"):
            if time.perf_counter() - began > _LIMIT_S:
                raise Broken(f"no image within {_LIMIT_S} s")
            time.sleep(0.005)
            prediction = self._http.get(f"/predictions/{prediction['id']}").raise_for_status().json()
        if prediction["status"] != "succeeded":
            raise Broken(f"{prediction['status']}: {prediction['error']}")
        return time.perf_counter() - began


def measure(job: Job) -> list[Line]:
    """Cold boots, then one instance, then several."""
    alone = _alone(job)
    lines = [_cold_boot(job, [alone["load_s"]])]
    for most in job.instances:
        with _serve(job, max_instances=most) as server:
            client = Client(server)
            client.draw(job.side, job.steps, 0)
            if most == 1:
                rates = [1 / client.draw(job.side, job.steps, seed) for seed in range(job.rounds)]
                lines.append(ratio("images/s, one after the other", rates, alone["rates"], None, "/s"))
            else:
                lines.append(_several(job, server, most, alone["rates"]))
            unit = "GB of GPU" if job.gpu else "GB of RAM"
            used = _gpu_bytes() if job.gpu else _ram_bytes(server)
            lines.append(absolute(f"memory, {most} instances at most", [used / 1e9], None, unit))
    return lines


def _threads() -> int:
    """For each instance and for the pipeline alone: threads that fight for cores would be all that is measured."""
    return max(1, len(os.sched_getaffinity(0)) // 2)


def _serve(job: Job, **settings: object) -> AbstractContextManager[Process]:
    return job.house.platform(instance_threads=_threads(), **settings)


def _alone(job: Job) -> dict[str, list[float]]:
    command = [job.python, _HERE / "alone_sdxl.py", job.weights, *map(str, (job.side, job.steps, job.rounds))]
    environ = plain_environ() | {"OMP_NUM_THREADS": str(_threads()), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=_LIMIT_S)
    if done.returncode:
        raise Broken(f"the pipeline alone: {done.stderr[-2000:]}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cold_boot(job: Job, alone_s: list[float]) -> Line:
    """From a request to an image of one step while nothing runs. The first fills the page cache and is left out."""
    times = []
    with _serve(job, idle_timeout_s=0.3, max_instances=1) as server:
        for seed in range(job.rounds + 1):
            times.append(Client(server).draw(job.side, 1, seed))
            wait_until_childless(server)
    alone = alone_s * job.rounds
    return ratio("cold boot to image, weights in page cache; alone: load", times[1:], alone, None, "s")


def _several(job: Job, server: Process, most: int, alone: list[float]) -> Line:
    """As many users as instances, each waiting for its image before it asks for the next."""
    failed: list[BaseException] = []

    def use(user: int) -> None:
        try:
            client = Client(server)
            for seed in range(job.rounds):
                client.draw(job.side, job.steps, user * 1000 + seed)
        except Exception as error:
            failed.append(error)

    use(-1)
    until = time.monotonic() + _GROW_S
    while server.children() < most and time.monotonic() < until and not failed:
        _together(use, most)  # the line makes the platform start the others, where they fit
    began = time.perf_counter()
    _together(use, most)
    took = time.perf_counter() - began
    if failed:
        raise Broken(f"a user got no image: {failed[0]}")
    rates = [most * job.rounds / took]
    name = f"images/s, {most} users; {server.children()} instances ran"
    return ratio(name, rates, [sum(alone) / len(alone)], None, "/s")


def _together(use: Callable[[int], None], users: int) -> None:
    threads = [threading.Thread(target=use, args=(user,)) for user in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _gpu_bytes() -> float:
    import pynvml

    pynvml.nvmlInit()
    try:
        return float(pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0)).used)
    finally:
        pynvml.nvmlShutdown()


def _ram_bytes(server: Process) -> float:
    """The proportional share of all that descends from the server."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(
                int(stat.parent.name)
            )
        except OSError:
            continue
    below, total = list(parents.get(server.pid, [])), 0.0
    for pid in below:
        below += parents.get(pid, [])
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += (
            next(float(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
        )
    return total


def prepare(root: Path, asked: argparse.Namespace) -> Job:
    """Build the model's environment, make weights with it, and install the model with them."""
    weights, made = root / "weights", House(root)
    with made.platform() as server:
        _mainspring(server, "push", str(_MODEL), f"{OWNER}/sdxl")
        python = next((made.data / "envs").glob("*/bin/python"))
        size = "tiny" if asked.tiny else "full"
        subprocess.run([python, _HERE / "random_sdxl.py", weights, size], check=True, env=plain_environ())
        given = ("--weights", str(weights), "--called", "random", "--no-example")
        _mainspring(server, "catalog", "add", _NAME, *given, "--yes")
    side, steps = (64, 2) if asked.tiny else (1024, 30)
    return Job(made, weights, python, side, steps, asked.rounds, tuple(asked.instances), not asked.cpu)


def _mainspring(server: Process, *arguments: str) -> None:
    environ = plain_environ() | {
        "MAINSPRING_URL": f"http://127.0.0.1:{server.port}",
        "MAINSPRING_TOKEN": TOKEN,
    }
    done = subprocess.run([*COMMAND, *arguments], env=environ, capture_output=True, text=True)
    if done.returncode:
        raise Broken(f"{arguments[0]}: {done.stdout}{done.stderr}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; needs a GPU unless --cpu is given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.images", description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="measure without a GPU")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, 64 x 64 pixels, 2 steps")
    parser.add_argument("--rounds", type=int, default=5, help="predictions that count")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 2, 4], help="instances at most")
    asked = parser.parse_args(arguments)
    if not asked.cpu and not shutil.which("nvidia-smi"):
        sys.exit("There is no GPU here. `--cpu --tiny` tries the benchmark without one.")
    root = Path(tempfile.mkdtemp(prefix="mainspring-images-"))
    try:
        job = prepare(root, asked)
        lines = measure(job)
        facts = machine(job.house.coglet_version())
        print(f"{machine_line(facts)}\n\n{table(lines)}")
        if asked.json:
            told = {"machine": facts, "figures": lines}
            asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(told)))
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(root)])
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
