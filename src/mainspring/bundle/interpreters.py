"""The Pythons of this machine: found, asked who they are, and chosen without surprises."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mainspring.bundle.process import author_variables, finish
from mainspring.core.errors import BundleError

OLDEST = 10
_NEWEST = 15
_ASK = (
    "import json, platform, sys, sysconfig; print(json.dumps([platform.python_version(), sys.version, "
    "sysconfig.get_platform(), platform.libc_ver(), sys.implementation.name, sys.base_prefix, sys.prefix]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python. path: absolute; version: "3.12.4"; build: names this build of it on this platform."""

    path: Path
    version: str
    build: str

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


class Interpreters:
    """Finds Pythons: configured ones first, then ours, uv's, pyenv's and those on PATH."""

    def __init__(self, configured: Mapping[str, str] | None = None) -> None:
        self._configured = dict(configured or {})
        self._asked: dict[Path, Interpreter | None] = {}

    async def choose(self, wanted: str | None) -> Interpreter:
        """The Python for `wanted` ("3.12", "3.12.4"; None: the platform's own).

        The exact patch if it is here, else another patch of the same minor version; never another minor.
        Raises BundleError, which lists what is here.
        """
        if wanted is None:
            wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
        minor = ".".join(wanted.split(".")[:2])
        found = [each async for each in self._find(minor)]
        exact = [each for each in found if each.version == wanted]
        if exact or found:
            return (exact or found)[0]
        here = await self.versions()
        raise BundleError(
            f"cog.yaml asks for Python {wanted}, which is not on this machine; here are {', '.join(here) or 'none'}. "
            f"Set `build.python_version` to one of these, or have Python {minor} installed or named in `pythons`."
        )

    async def versions(self) -> list[str]:
        """The minor versions that are here and that Cog supports, oldest first."""
        minors = [f"3.{n}" for n in range(OLDEST, _NEWEST + 1)]
        return [minor for minor in minors if [each async for each in self._find(minor)]]

    async def _find(self, minor: str) -> AsyncIterator[Interpreter]:
        for path in dict.fromkeys(_candidates(minor, self._configured)):
            if path not in self._asked:
                self._asked[path] = await _ask(path)
            known = self._asked[path]
            if known and known.minor == minor:
                yield known


def _candidates(minor: str, configured: Mapping[str, str]) -> Iterator[Path]:
    name = f"python{minor}"
    for version, path in configured.items():
        if version == minor or version.startswith(f"{minor}."):
            yield Path(path)
    yield Path(getattr(sys, "_base_executable", None) or sys.executable)
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    yield from _newest_first(managed.glob(f"cpython-{minor}.*/bin/{name}"))
    yield from _newest_first(pyenv.glob(f"{minor}.*/bin/{name}"))
    folders = [
        *os.environ.get("PATH", "").split(os.pathsep),
        "/usr/local/bin",
        "/usr/bin",
        "/opt/homebrew/bin",
    ]
    for folder in folders:
        found = shutil.which(name, path=folder) if folder and "shims" not in Path(folder).parts else None
        if found:
            yield Path(found).absolute()


def _newest_first(paths: Iterator[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: [int(n) for n in re.findall(r"\d+", path.parts[-3])], reverse=True)


async def _ask(path: Path) -> Interpreter | None:
    if not os.access(path, os.X_OK):
        return None
    try:
        done = await finish(
            [path, "-I", "-c", _ASK], cwd=Path("/"), environ=author_variables(os.environ), timeout_s=20
        )
        version, *rest = json.loads(done.output)
    except (OSError, ValueError, BundleError):
        return None
    if rest[-1] != rest[-2] or rest[-3] != "cpython":
        return None
    return Interpreter(path, version, json.dumps([str(path.resolve()), *rest]))
