"""The Python environment of a version: locked, content-addressed, built aside, shared, read-only."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mainspring.bundle.cogyaml import CogConfig
from mainspring.bundle.interpreters import Interpreter, Interpreters
from mainspring.bundle.machine import check_machine
from mainspring.bundle.process import Finished, finish, installer_variables
from mainspring.bundle.requirements import COG_VERSION, Requirements, check_cog, read_requirements
from mainspring.bundle.source import source_digest
from mainspring.core.errors import BundleError

Progress = Callable[[str], None]

_RECIPE = "1: relocatable, hashes, bytecode"
_BUILDING = ".building-"
_DULL = ("+ ", "- ", "~ ", "Using ", "Creating virtual", "Activate with")


@dataclass(frozen=True, slots=True)
class Environment:
    """A finished environment. path: the directory; lock_text: what is in it, with hashes; digest: 64 hex, its name."""

    path: Path
    python_version: str
    lock_text: str
    digest: str
    cog_version: str

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"


class Environments:
    """All environments under `root`: `envs/<digest>`, the locks that led to them, and uv's cache.

    pythons: more interpreters, such as {"3.12": "/opt/python3.12/bin/python3"}; timeout_s: for each run of uv.
    """

    def __init__(
        self, root: Path, pythons: Mapping[str, str] | None = None, timeout_s: float = 1800.0
    ) -> None:
        self._root = root.absolute()
        self._interpreters = Interpreters(pythons)
        self._timeout_s = timeout_s
        self._locks: dict[str, asyncio.Lock] = {}
        self._building: set[Path] = set()

    async def ensure(self, config: CogConfig, source: Path, progress: Progress) -> Environment:
        """The environment that `config` asks for, built if it isn't there. `progress` gets lines for the author.

        Raises BundleError: a Python, system package or command that this machine can't give, packages that don't
        fit together (in uv's words), a package that can't be built, or too much time.
        """
        await check_machine(config)
        interpreter = await self._interpreters.choose(config.python_version)
        if config.python_version not in (None, interpreter.version, interpreter.minor):
            progress(f"Python {config.python_version} is not here; {interpreter.version} is used")
        wanted = read_requirements(config, source)
        for line in wanted.ignored:
            progress(line)
        local = await asyncio.to_thread(source_digest, source) if wanted.local else ""
        parts = (wanted.lines, wanted.alone, wanted.constraints, wanted.options)
        key = _digest(*parts, interpreter.build, local)
        job = _Job(wanted, interpreter, source, progress)
        async with self._alone(key):
            lock = await self._lock(key, job)
        cog = check_cog(lock)
        digest = _digest(lock, interpreter.build, local, _RECIPE)
        environment = Environment(self._envs / digest, interpreter.version, lock, digest, cog)
        async with self._alone(digest):
            if environment.path.exists():
                progress("The environment is here already")
            else:
                await self._build(environment, job)
        return environment

    async def sweep(self) -> int:
        """Remove what crashed builds left; returns how many. Builds that still run, here or elsewhere, stay."""
        left = [
            path
            for path in self._envs.glob(f"{_BUILDING}*")
            if path not in self._building and not _alive(path)
        ]
        for path in left:
            await asyncio.to_thread(_remove, path)
        return len(left)

    def digests(self) -> list[str]:
        """The finished environments."""
        return [path.name for path in self._envs.glob("[0-9a-f]*")]

    async def remove(self, digest: str) -> None:
        """Remove one environment; nothing may be running in it."""
        async with self._alone(digest):
            await asyncio.to_thread(_remove, self._envs / digest)

    @property
    def _envs(self) -> Path:
        return self._root / "envs"

    @contextlib.asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        async with self._locks.setdefault(key, asyncio.Lock()):
            yield

    async def _lock(self, key: str, job: _Job) -> str:
        """The lock of `job`: what it was resolved to the first time, so that the same push is the same version."""
        file = self._root / "locks" / f"{key}.txt"
        if file.exists():
            return file.read_text()
        file.parent.mkdir(parents=True, exist_ok=True)
        job.progress("Resolving packages")
        aside = file.with_name(f".{secrets.token_hex(8)}")
        asked, limits = aside.with_suffix(".in"), aside.with_suffix(".limits")
        try:
            limits.write_text("".join(f"{line}\n" for line in job.wanted.constraints))
            limited: list[str | Path] = ["-c", limits] if job.wanted.constraints else []
            text = await self._resolve(job, job.wanted.lines, asked, aside, limited)
            if job.wanted.alone:
                text += await self._resolve(job, job.wanted.alone, asked, aside, ["--no-deps"])
            aside.write_text(text)
            aside.rename(file)
            return file.read_text()
        finally:
            for path in (asked, limits, aside):
                path.unlink(missing_ok=True)

    async def _resolve(
        self, job: _Job, lines: tuple[str, ...], asked: Path, aside: Path, more: list[str | Path]
    ) -> str:
        """The lock of `lines`, which go through the file `asked`; `aside` takes uv's answer."""
        asked.write_text("".join(f"{line}\n" for line in lines))
        aside.unlink(missing_ok=True)
        command = [
            "pip",
            "compile",
            asked,
            "-o",
            aside,
            "--python",
            job.interpreter.path,
            "--generate-hashes",
        ]
        done = await self._uv(
            [*command, "--no-header", "--no-annotate", *more, *job.options], job.source, job.progress
        )
        if done.status:
            raise BundleError(f"The Python packages don't fit together or can't be had:\n{_why(done, aside)}")
        return aside.read_text()

    async def _build(self, wanted: Environment, job: _Job) -> None:
        started = time.monotonic()
        aside = self._envs / f"{_BUILDING}{os.getpid()}-{secrets.token_hex(8)}"
        aside.mkdir(parents=True)
        self._building.add(aside)
        try:
            await self._install(wanted, job, aside)
            about = {
                "python": wanted.python_version,
                "build": job.interpreter.build,
                "cog": wanted.cog_version,
            }
            (aside / "environment.json").write_text(json.dumps(about))
            await asyncio.to_thread(_make_read_only, aside)
            with contextlib.suppress(OSError):
                aside.rename(wanted.path)
            if not wanted.path.exists():
                raise BundleError("The environment could not be put in its place; is the disk full?")
            job.progress(f"The environment is ready after {time.monotonic() - started:.1f} s")
        finally:
            await asyncio.to_thread(_remove, aside)
            self._building.discard(aside)

    async def _install(self, wanted: Environment, job: _Job, aside: Path) -> None:
        lock = aside / "lock.txt"
        lock.write_text(wanted.lock_text)
        venv = [
            "venv",
            "--relocatable",
            "--allow-existing",
            "--no-project",
            "--python",
            job.interpreter.path,
            aside,
        ]
        sync = ["pip", "sync", lock, "--python", aside / "bin" / "python", "--compile-bytecode", *job.options]
        for command, progress in ((venv, _ignore), (sync, _without(("Resolved",), job.progress))):
            done = await self._uv(command, job.source, progress)
            if done.status:
                raise BundleError(f"The Python packages could not be installed:\n{_why(done)}")

    async def _uv(self, arguments: Sequence[object], source: Path, progress: Progress) -> Finished:
        from uv import find_uv_bin

        variables = installer_variables(os.environ)
        shared = "UV_CACHE_DIR" in variables
        variables.setdefault("UV_LINK_MODE", "copy" if shared else "hardlink")
        variables.setdefault("UV_CACHE_DIR", str(self._root / "cache"))
        variables.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
        fixed = ["--no-progress", "--color", "never", "--no-python-downloads", "--project", self._root]
        return await finish(
            [find_uv_bin(), *arguments, *fixed],
            cwd=source,
            environ=variables,
            timeout_s=self._timeout_s,
            on_line=_without(_DULL, progress),
        )


@dataclass(frozen=True, slots=True)
class _Job:
    wanted: Requirements
    interpreter: Interpreter
    source: Path
    progress: Progress

    @property
    def options(self) -> list[str]:
        """uv keeps what it built of a directory by its name alone, so what lies in the source is built anew."""
        return [*self.wanted.options, *(["--refresh"] if self.wanted.local else [])]


def _without(starts: tuple[str, ...], progress: Progress) -> Progress:
    def tell(line: str) -> None:
        if not line.startswith(starts):
            progress(line)

    return tell


def _ignore(line: str) -> None:
    """For programs whose progress says nothing to an author."""


def _why(done: Finished, *hidden: Path) -> str:
    text = done.errors.strip() or f"uv ended with status {done.status}"
    for path in hidden:
        text = text.replace(str(path), path.name)
    return text


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps([COG_VERSION, *parts]).encode()).hexdigest()


def _alive(aside: Path) -> bool:
    """Whether another living process makes it; one with our own number that we don't know of is an earlier us."""
    pid = aside.name.removeprefix(_BUILDING).partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return int(pid) != os.getpid()


def _tree(path: Path) -> Iterator[tuple[str, bool]]:
    for root, _, files in os.walk(path):
        yield root, True
        yield from ((os.path.join(root, name), False) for name in files)


def _make_read_only(path: Path) -> None:
    for each, _ in _tree(path):
        if not os.path.islink(each):
            os.chmod(each, stat.S_IMODE(os.stat(each).st_mode) & ~0o222)


def _remove(path: Path) -> None:
    if not path.exists():
        return
    for each, folder in _tree(path):
        if folder:
            os.chmod(each, 0o700)
    shutil.rmtree(path, ignore_errors=True)
