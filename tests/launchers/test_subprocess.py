"""The launcher, with the real coglet: what a model can do, what it can't, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mainspring.cogclient import CogClient, Completed, Health, Log
from mainspring.core.errors import InstanceLost, LaunchError
from mainspring.launchers import Launched, LaunchSpec, leftovers
from mainspring.launchers import subprocess as plug
from mainspring.launchers.isolation import Isolation, outside, probe
from mainspring.launchers.subprocess import SubprocessLauncher
from tests.contract.models import write_model

ENVIRONMENT = Path(sys.prefix)
needs_landlock = pytest.mark.skipif(probe().level not in ("full", "landlock"), reason=probe().reason)


@dataclass
class Instance:
    launcher: SubprocessLauncher
    launched: Launched
    data: Path

    async def ready(self) -> Health:
        client = CogClient(self.launched.address)
        while True:
            with contextlib.suppress(InstanceLost):
                health = await client.health()
                if health.status not in ("STARTING", "UNKNOWN"):
                    await client.close()
                    return health
            assert self.launcher.alive(self.launched), self.launcher.setup_logs(self.launched)
            await asyncio.sleep(0.005)

    async def call(self, do: str, arg: str = "", prediction_id: str = "") -> str:
        # An id that has only just ended is attached to, and told again, rather than run again.
        client = CogClient(self.launched.address)
        body = json.dumps({"input": {"do": do, "arg": arg}}).encode()
        last = [
            event async for events in client.run(prediction_id or uuid.uuid4().hex, body) for event in events
        ][-1]
        await client.close()
        assert isinstance(last, Completed)
        return json.loads(bytes(last.output)) if last.output is not None else f"{last.status}: {last.error}"


def make(tmp_path: Path, isolate: str = "auto", **env: str) -> tuple[SubprocessLauncher, LaunchSpec]:
    data = tmp_path / "data"
    source = write_model(data / "sources" / "one")
    (source / "weights.bin").write_bytes(b"w" * (1 << 20))
    (data / "secret").write_text("the key")
    launcher = SubprocessLauncher(data / "instances", isolate, hidden=[data])  # type: ignore[arg-type]
    return launcher, LaunchSpec(
        instance_id="i1", source=source, environment=ENVIRONMENT, predictor="predict.py:Predictor", env=env
    )


@contextlib.asynccontextmanager
async def booted(
    tmp_path: Path, isolate: str = "auto", devices: tuple[int, ...] = (), **env: str
) -> AsyncIterator[Instance]:
    launcher, spec = make(tmp_path, isolate, **env)
    launched = await launcher.launch(replace(spec, devices=devices, threads=3))
    instance = Instance(launcher, launched, tmp_path / "data")
    try:
        await instance.ready()
        yield instance
    finally:
        await launcher.terminate(instance.launched, 0)


def is_gone(pid: int) -> bool:
    found = leftovers.facts(pid)
    return found is None or found.state in "ZX"


async def gone(pid: int) -> None:
    async with asyncio.timeout(30):
        while not is_gone(pid):
            await asyncio.sleep(0.01)


async def test_a_model_runs_in_a_writable_copy_with_links_to_large_files(tmp_path: Path) -> None:
    async with booted(tmp_path, MODEL_SAYS="hi") as instance:
        work = instance.launched.workdir / "work"
        assert await instance.call("echo", "x") == "hello x"
        assert await instance.call("write", "new.txt") == "x"
        assert (work / "new.txt").exists()
        assert (work / "weights.bin").is_symlink()
        assert len(await instance.call("read", "weights.bin")) == 1 << 20
        assert not (instance.data / "sources/one/new.txt").exists()
        outbox = str(instance.launched.outbox / "a")
        assert await instance.call("write", outbox) == "x"
        (instance.launched.inbox / "b").write_text("given")
        assert await instance.call("read", str(instance.launched.inbox / "b")) == "given"


async def test_a_model_sees_a_clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSPRING_TOKEN", "ms_secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("https_proxy", "http://proxy:1")
    async with booted(tmp_path, MODEL_SAYS="hi", OMP_NUM_THREADS="2") as instance:
        seen = dict(line.split("=", 1) for line in (await instance.call("env")).splitlines() if "=" in line)
    assert "MAINSPRING_TOKEN" not in seen
    assert "AWS_SECRET_ACCESS_KEY" not in seen
    assert (seen["MODEL_SAYS"], seen["OMP_NUM_THREADS"], seen["MKL_NUM_THREADS"]) == ("hi", "2", "3")
    assert (seen["https_proxy"], seen["CUDA_VISIBLE_DEVICES"]) == ("http://proxy:1", "")
    assert (seen["OMP_WAIT_POLICY"], seen["RAYON_NUM_THREADS"]) == ("PASSIVE", "3")
    assert seen["PATH"].startswith(str(ENVIRONMENT / "bin"))
    assert seen["MAINSPRING_PREDICTOR"] == "predict.py:Predictor"


async def test_a_model_is_told_of_its_own_gpus_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    async with booted(tmp_path, devices=(1, 3)) as instance:
        seen = dict(line.split("=", 1) for line in (await instance.call("env")).splitlines() if "=" in line)
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["CUDA_DEVICE_ORDER"]) == ("1,3", "PCI_BUS_ID")


@needs_landlock
@pytest.mark.parametrize("level", ["full", "landlock"])
async def test_a_fenced_model_reads_nothing_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    if probe().level != "full" and level == "full":
        pytest.skip(probe().reason)
    monkeypatch.setattr(plug, "probe", lambda: Isolation(level))  # type: ignore[arg-type]
    home = Path.home() / ".mainspring-probe"
    async with booted(tmp_path, "require") as instance:
        refused = ("PermissionError", "FileNotFoundError")
        for path in (instance.data / "secret", home.parent, Path(f"/proc/{os.getpid()}/environ")):
            assert (
                await instance.call("attempt", f"(open({str(path)!r}).read(), os.listdir({str(path)!r}))")
                in refused
            )
        for path in (
            Path("/usr/x"),
            Path("/proc/sys/kernel/core_pattern"),
            instance.data / "sources/one/predict.py",
        ):
            assert await instance.call("attempt", f"open({str(path)!r}, 'w')") in (*refused, "OSError")
        assert await instance.call("attempt", f"os.kill({os.getpid()}, 0)") in ("PermissionError", "None")
        assert (
            await instance.call("attempt", "os.mknod('disk', 0o60600, os.makedev(254, 0))")
            == "PermissionError"
        )
        assert await instance.call("attempt", "__import__('tempfile').TemporaryFile().write(b'1')") == "1"
        assert await instance.call("attempt", "open('/dev/shm/a' + str(os.getpid()), 'w').write('1')") == "1"


@pytest.mark.skipif(not probe().private_tmp, reason=probe().reason)
async def test_tmp_is_the_instance_s_own_and_is_tidied(tmp_path: Path) -> None:
    async with booted(tmp_path) as instance:
        await instance.call("write", "/tmp/mine", "p1")
        assert (instance.launched.workdir / "tmp" / "mine").read_text() == "x"
        assert not Path("/tmp/mine").exists()
        cog = instance.launched.workdir / "tmp/coglet/predictions/p1"
        assert cog.is_dir()
        instance.launcher.tidy(instance.launched, ["p1"])
        assert not cog.exists()


@pytest.mark.parametrize("level", ["mounts", "none"])
async def test_it_runs_where_the_kernel_offers_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    if level == "mounts" and not probe().private_tmp:
        pytest.skip(probe().reason)
    monkeypatch.setattr(plug, "probe", lambda: Isolation(level, "no Landlock", "a newer kernel"))  # type: ignore[arg-type]
    async with booted(tmp_path) as instance:
        assert await instance.call("echo", "x") == "hello x"
    launcher, spec = make(tmp_path / "again", "require")
    with pytest.raises(LaunchError, match=r"no Landlock. Fix: a newer kernel"):
        await launcher.launch(spec)


async def test_terminate_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    async with booted(tmp_path) as instance:
        pids = [int(await instance.call("spawn", how)) for how in ("", "detached")]
        pids += [int(await instance.call("pid")), instance.launched.pid]
        assert not any(is_gone(pid) for pid in pids)
        await instance.launcher.terminate(instance.launched, 5)
        assert all(is_gone(pid) for pid in pids)
        assert not instance.launched.workdir.exists()
        assert not instance.launcher.alive(instance.launched)
        await instance.launcher.terminate(instance.launched, 5)


async def test_wait_returns_when_the_process_has_ended(tmp_path: Path) -> None:
    async with booted(tmp_path) as instance:
        waiting = asyncio.create_task(instance.launcher.wait(instance.launched))
        await asyncio.sleep(0)
        assert not waiting.done()
        os.kill(instance.launched.pid, signal.SIGKILL)
        await asyncio.wait_for(waiting, 30)
        assert not instance.launcher.alive(instance.launched)


async def test_setup_logs_keep_what_the_author_needs_of_a_failed_setup(tmp_path: Path) -> None:
    launcher, spec = make(tmp_path, BAD_SETUP="0.1")
    instance = Instance(launcher, await launcher.launch(spec), tmp_path)
    health = await instance.ready()
    assert (health.status, health.error) == ("SETUP_FAILED", "RuntimeError: no weights")
    assert launcher.setup_logs(instance.launched) == "loading weights\nto stderr\n"
    await launcher.terminate(instance.launched, 1)


async def test_a_missing_environment_is_a_launch_error_and_leaves_nothing(tmp_path: Path) -> None:
    launcher, spec = make(tmp_path)
    gone_spec = LaunchSpec(
        instance_id="i2", source=spec.source, environment=tmp_path / "no", predictor="x.py:X"
    )
    with pytest.raises(LaunchError):
        await launcher.launch(gone_spec)
    assert not (tmp_path / "data/instances/i2").exists()


_PARENT = """
import asyncio, sys
from pathlib import Path
from tests.launchers.test_subprocess import Instance, make
async def main():
    launcher, spec = make(Path(sys.argv[1]))
    instance = Instance(launcher, await launcher.launch(spec), Path(sys.argv[1]))
    await instance.ready()
    pids = [instance.launched.pid, await instance.call("pid"), await instance.call("spawn", "detached")]
    print(instance.launched.pid_started_at, *pids, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_killed_platform_takes_its_models_along_and_the_next_one_finds_the_rest(
    tmp_path: Path,
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    line = await asyncio.to_thread(parent.stdout.readline)
    started_at, pid, worker, child = map(int, line.split())
    parent.kill()
    parent.wait()
    await gone(pid)
    await gone(worker)
    launcher = SubprocessLauncher(tmp_path / "data/instances")
    await launcher.reap(pid, started_at)
    await launcher.sweep()
    assert is_gone(child)
    assert list((tmp_path / "data/instances").iterdir()) == []


async def test_reap_ends_a_leftover_and_spares_a_stranger_with_its_pid(tmp_path: Path) -> None:
    async with booted(tmp_path) as instance:
        other = SubprocessLauncher(instance.launched.workdir.parent)
        worker = int(await instance.call("pid"))
        await other.reap(os.getpid(), 1)
        assert instance.launcher.alive(instance.launched)
        await other.reap(instance.launched.pid, instance.launched.pid_started_at)
        assert is_gone(instance.launched.pid)
        await gone(worker)


def test_a_root_that_holds_hidden_things_gives_way_to_its_other_children(tmp_path: Path) -> None:
    for name in ("open/a", "mixed/hidden", "mixed/seen"):
        (tmp_path / name).mkdir(parents=True)
    found = outside([str(tmp_path)], [tmp_path / "mixed/hidden"])
    assert found == sorted([str(tmp_path / "open"), str(tmp_path / "mixed/seen")])


LEVELS = ["full", "landlock", "mounts", "none"]


@pytest.mark.parametrize("level", LEVELS)
async def test_weights_can_be_read_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    if LEVELS.index(level) < LEVELS.index(probe().level) or (level == "mounts" and not probe().private_tmp):
        pytest.skip(probe().reason)
    monkeypatch.setattr(plug, "probe", lambda: Isolation(level, "less", "more"))  # type: ignore[arg-type]
    launcher, spec = make(tmp_path)
    weights = tmp_path / "data" / "weights" / "w1" / "model.bin"
    weights.parent.mkdir(parents=True)
    weights.write_text("learned")
    (tmp_path / "data" / "weights" / "other").write_text("of another")
    instance = Instance(launcher, await launcher.launch(replace(spec, weights=weights)), tmp_path / "data")
    try:
        await instance.ready()
        path = await instance.call("attempt", "os.environ['COG_WEIGHTS']")
        assert await instance.call("read", path) == "learned"
        if level != "none":
            for spoil in (
                f"open({path!r}, 'r+').write('x')",
                f"os.unlink({path!r})",
                f"os.chmod({path!r}, 0o777)",
            ):
                await instance.call("attempt", spoil)
            other = str(weights.parent.parent / "other")
            assert await instance.call("attempt", f"open({other!r}).read()") != "of another"
            assert weights.read_text() == "learned"
            assert "Error" in await instance.call("attempt", f"open({path!r}, 'r+')")
    finally:
        await launcher.terminate(instance.launched, 0)


async def test_an_instance_can_train(tmp_path: Path) -> None:
    launcher, spec = make(tmp_path)
    (spec.source / "train.py").write_text(
        "def train(arg: str) -> str:\n    print('training')\n    return 'trained on ' + arg\n"
    )
    document = json.loads((spec.source / ".cog" / "openapi_schema.json").read_text())
    document["components"]["schemas"]["Input"]["required"] = ["arg"]
    spec = replace(spec, predictor="train.py:train", trains=True, document=json.dumps(document).encode())
    instance = Instance(launcher, await launcher.launch(spec), tmp_path / "data")
    try:
        assert (await instance.ready()).status == "READY"
        client = CogClient(instance.launched.address)
        events = [e async for some in client.run("t1", b'{"input": {"arg": "this"}}') for e in some]
        assert Log("training\n") in events
        last = events[-1]
        assert isinstance(last, Completed)
        assert last.output is not None
        assert bytes(last.output) == b'"trained on this"'
        refused = [e async for some in client.run("t2", b'{"input": {}}') for e in some][-1]
        assert isinstance(refused, Completed)
        assert "arg" in (refused.error or "")
        await client.close()
    finally:
        await launcher.terminate(instance.launched, 0)
