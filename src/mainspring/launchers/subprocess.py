"""Runs each instance as a child process of this one: the real Cog server, fenced in, on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mainspring.core.errors import LaunchError
from mainspring.launchers import Launched, LaunchSpec, leftovers, setuplogs
from mainspring.launchers.isolation import BOOT, COG_TEMPORARY, Isolation, fence, probe, with_links
from mainspring.launchers.workdir import lay_out, open_beneath, remove, remove_traces

OPEN_FILES = 65536
LOG_FILE_BYTES = 4 << 20
LOG_CHECK_S = 5.0
_DIES_WITHIN_S = 5.0

_PASSED_ON = (
    *(
        "TZ",
        "LD_LIBRARY_PATH",
        "CUDA_HOME",
        "CUDA_PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
    ),
    *(
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
    ),
)
_THREAD_COUNTS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS"),
)


@dataclass(slots=True)
class _Running:
    """A child of ours. reserved holds its port against others; printed is what was cut from the log file."""

    process: subprocess.Popen[bytes]
    reserved: socket.socket
    log: Path
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    printed: str = ""
    tender: asyncio.Task[None] | None = None


class SubprocessLauncher:
    """Implements Launcher with child processes.

    Launch from the main thread: children die with the thread that made them. root: directory for the
    instances' own directories, on the data disk. isolate: `auto` takes what the machine offers, `require`
    refuses to launch unless models see only their own files, `off` fences nothing in. hidden: what no model
    may read although it may lie in a readable place. adapter: a module with a class `Predictor` that stands
    before the user's; it finds the user's reference in MAINSPRING_PREDICTOR.
    """

    def __init__(
        self,
        root: Path,
        isolate: Literal["auto", "require", "off"] = "auto",
        hidden: Sequence[Path] = (),
        adapter: Path | None = None,
    ) -> None:
        self._root = root.resolve()
        self._isolate = isolate
        self._hidden = tuple(path.resolve() for path in hidden)
        self._adapter = adapter
        self._running: dict[str, _Running] = {}
        self._private_tmp = False

    async def launch(self, spec: LaunchSpec) -> Launched:
        """Start an instance and return at once, before it is ready. Raises LaunchError."""
        isolation = await self._isolation()
        workdir = self._root / spec.instance_id
        if workdir.parent != self._root:
            raise LaunchError(f"{spec.instance_id!r} can't name a directory")
        if workdir.exists():
            raise LaunchError(f"An instance {spec.instance_id!r} is here already")
        try:
            spec = replace(spec, shared=await asyncio.to_thread(with_links, spec.shared))
            await asyncio.to_thread(lay_out, spec, workdir, len(self._hidden))
            return self._start(spec, workdir, isolation)
        except OSError as error:
            await asyncio.to_thread(remove, workdir)
            raise LaunchError(f"The instance could not be started: {error}") from error

    @contextlib.asynccontextmanager
    async def fenced(self, environment: Path, source: Path) -> AsyncIterator[tuple[Path, list[str]]]:
        """For a script that imports a model elsewhere than in an instance.

        Gives a directory that it may write to, and the arguments for the environment's Python that fence it in;
        `run=SCRIPT` and an `argument=…` each go after them. Raises LaunchError.
        """
        isolation = await self._isolation()
        place = self._root / f"fenced-{secrets.token_hex(8)}"
        for name in ("tmp", *(f"veils/{i}" for i in range(len(self._hidden)))):
            (place / name).mkdir(mode=0o700, parents=True)
        spec = LaunchSpec(instance_id=place.name, source=source, environment=environment, predictor="")
        facts = (f"parent={os.getpid()}", f"nofile={OPEN_FILES}")
        try:
            yield place, [str(BOOT), *facts, *fence(spec, place, isolation, self._hidden, self._adapter)]
        finally:
            await asyncio.to_thread(remove, place)

    async def _isolation(self) -> Isolation:
        found = Isolation("none")
        if self._isolate != "off":
            found = await asyncio.to_thread(probe)
        if self._isolate == "require" and found.level not in ("full", "landlock"):
            raise LaunchError(f"Models can't be isolated here: {found.reason}. Fix: {found.fix}.")
        self._private_tmp = found.private_tmp
        if not self._private_tmp:
            COG_TEMPORARY.mkdir(mode=0o700, parents=True, exist_ok=True)
        return found

    def _start(self, spec: LaunchSpec, workdir: Path, isolation: Isolation) -> Launched:
        reserved = _reserve_port()
        port = reserved.getsockname()[1]
        log = workdir / "stderr.log"
        predictor = f"{self._adapter}:Predictor" if self._adapter else spec.predictor
        mode = "train" if spec.trains else "predict"
        facts = (f"parent={os.getpid()}", f"port={port}", f"predictor={predictor}", f"mode={mode}")
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    [
                        *(
                            str(spec.environment / "bin" / "python"),
                            "-I",
                            str(BOOT),
                            *facts,
                            f"nofile={OPEN_FILES}",
                        ),
                        *fence(spec, workdir, isolation, self._hidden, self._adapter),
                    ],
                    cwd=workdir / "work",
                    env=_environment(spec, workdir, isolation),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError:
            reserved.close()
            raise
        running = self._running[str(workdir)] = _Running(process, reserved, log)
        _notice_the_end(running)
        running.tender = asyncio.create_task(_keep_log_short(running))
        found = leftovers.facts(process.pid)
        return Launched(f"127.0.0.1:{port}", process.pid, found.started_at if found else 0, workdir)

    async def wait(self, instance: Launched) -> None:
        """Return when its process has ended, at once if it already has."""
        running = self._running.get(str(instance.workdir))
        if running is not None:
            await running.ended.wait()
            return
        await _gone(instance.pid, instance.pid_started_at, every_s=0.1)

    async def terminate(self, instance: Launched, grace_s: float) -> None:
        """Ask it to stop, kill all its processes after `grace_s`, remove its workdir. Idempotent."""
        running = self._running.get(str(instance.workdir))
        if running is None:
            await self.reap(instance.pid, instance.pid_started_at)
        else:
            await _end(running, grace_s)
        await asyncio.to_thread(leftovers.kill_marked, f"{instance.workdir}/")
        if instance.workdir.parent == self._root:
            await asyncio.to_thread(remove, instance.workdir)
        self._running.pop(str(instance.workdir), None)

    def alive(self, instance: Launched) -> bool:
        """Whether its process still runs."""
        running = self._running.get(str(instance.workdir))
        if running is not None and running.ended.is_set():
            return False
        return leftovers.is_running(instance.pid, instance.pid_started_at)

    def setup_logs(self, instance: Launched) -> str:
        """What it printed outside predictions so far, newest 64 kB."""
        running = self._running.get(str(instance.workdir))
        printed = running.printed if running is not None else ""
        newest = setuplogs.read_newest(instance.workdir / "stderr.log")
        return (printed + setuplogs.of_the_author(newest))[-setuplogs.KEPT_BYTES :]

    def tidy(self, instance: Launched, prediction_ids: Sequence[str]) -> None:
        """Remove what Cog leaves on disk for finished predictions; it never does itself."""
        base, names = (
            (instance.workdir, ("tmp", "coglet", "predictions")) if self._private_tmp else (COG_TEMPORARY, ())
        )
        with contextlib.suppress(OSError):
            directory = open_beneath(base, *names)
            try:
                for prediction_id in prediction_ids:
                    remove_traces(prediction_id, directory)
            finally:
                os.close(directory)

    async def reap(self, pid: int, pid_started_at: int) -> None:
        """End what an earlier server left of the instance that pid led, also where only children are left."""
        marks = {
            mark
            for process, mark in await asyncio.to_thread(lambda: list(leftovers.marked(f"{self._root}/")))
            if pid in (process.pid, process.session, process.group) and process.started_at >= pid_started_at
        }
        if leftovers.is_running(pid, pid_started_at):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        for mark in marks:
            await asyncio.to_thread(leftovers.kill_marked, mark)
        async with asyncio.timeout(_DIES_WITHIN_S):
            await _gone(pid, pid_started_at, every_s=0.005)

    async def check(self) -> str:
        """How instances are isolated, if there is a place to put one. Raises LaunchError, OSError."""
        isolation = await self._isolation()
        place = self._root / f"check-{secrets.token_hex(4)}"
        await asyncio.to_thread(place.mkdir, parents=True)
        await asyncio.to_thread(place.rmdir)
        return isolation.level

    async def sweep(self) -> int:
        """End every process that carries a mark of this root, empty the root; returns how many were killed.

        For the start of a server, before anything is launched.
        """
        killed = await asyncio.to_thread(leftovers.kill_marked, f"{self._root}/")
        if self._root.is_dir():
            for workdir in self._root.iterdir():
                await asyncio.to_thread(remove, workdir)
        return killed


def _reserve_port() -> socket.socket:
    """A free loopback port, bound but not listening: coglet may share it, and no other is given it."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def _environment(spec: LaunchSpec, workdir: Path, isolation: Isolation) -> dict[str, str]:
    """All that the model sees; nothing of the platform's own environment but what `_PASSED_ON` lists."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    threads = dict.fromkeys(_THREAD_COUNTS, str(spec.threads)) | {"OMP_WAIT_POLICY": "PASSIVE"}
    home = "/tmp" if isolation.private_tmp else str(workdir / "tmp")
    path = spec.env.get("PATH") or "/usr/local/bin:/usr/bin:/bin"
    return {
        **{
            "LANG": "C.UTF-8",
            "HOME": home,
            "TMPDIR": home,
            "PYTHONDONTWRITEBYTECODE": "1",
            **passed,
            **threads,
        },
        **spec.env,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(map(str, spec.devices)),
        "PATH": f"{spec.environment / 'bin'}:{path}",
        "COG_MAX_CONCURRENCY": str(spec.slots),
        "MAINSPRING_PREDICTOR": spec.predictor,
        **({"MAINSPRING_GPU_MEMORY": str(spec.gpu_memory)} if spec.gpu_memory else {}),
        **({"MAINSPRING_TRAINS": "1"} if spec.trains else {}),
        **({"COG_WEIGHTS": str(spec.weights)} if spec.weights else {}),
        "MAINSPRING_INBOX": str(workdir / "inbox"),
        "MAINSPRING_OUTBOX": str(workdir / "outbox"),
        leftovers.MARK: f"{workdir}/",
    }


def _notice_the_end(running: _Running) -> None:
    """Set `ended` when the process ends, and leave the zombie: so its pid can't go to another process."""
    loop = asyncio.get_running_loop()
    if not hasattr(os, "pidfd_open"):
        pid = running.process.pid
        waited = loop.run_in_executor(None, os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        waited.add_done_callback(lambda _: running.ended.set())
        return
    pidfd = os.pidfd_open(running.process.pid)

    def ended() -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        running.ended.set()

    loop.add_reader(pidfd, ended)


async def _gone(pid: int, started_at: int, every_s: float) -> None:
    """Wait for a process that is no child of this one."""
    while leftovers.is_running(pid, started_at):
        await asyncio.sleep(every_s)


async def _end(running: _Running, grace_s: float) -> None:
    if running.tender is not None:
        running.tender.cancel()
    if not running.ended.is_set() and grace_s > 0:
        running.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(running.ended.wait(), grace_s)
    if running.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
    async with asyncio.timeout(_DIES_WITHIN_S):
        await running.ended.wait()
    running.process.wait()
    running.reserved.close()


async def _keep_log_short(running: _Running) -> None:
    while not running.ended.is_set():
        await asyncio.sleep(LOG_CHECK_S)
        with contextlib.suppress(OSError):
            if running.log.stat().st_size > LOG_FILE_BYTES:
                running.printed += setuplogs.of_the_author(setuplogs.read_newest(running.log))
                running.printed = running.printed[-setuplogs.KEPT_BYTES :]
                os.truncate(running.log, 0)
