"""What cog.yaml wants of the machine itself: packages of the system, and commands that only an image could run."""

from __future__ import annotations

import ctypes.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from mainspring.bundle.cogyaml import CogConfig
from mainspring.bundle.process import author_variables, finish
from mainspring.bundle.requirements import packages_alone
from mainspring.core.errors import BundleError

_NO_OP = re.compile(r"^\s*(#.*|:|true|(echo|printf)\b[^;&|<>`$()]*)?\s*$")
_RENAMED = {"libgl1-mesa-glx": "libgl1", "libgl1-mesa-dev": "libgl-dev", "python3-distutils": "python3"}


async def check_machine(config: CogConfig) -> None:
    """Raises BundleError naming each of `system_packages` that this machine lacks and each command of `build.run`."""
    missing = [name for name in config.system_packages if not await _present(name.split("=")[0].strip())]
    if missing:
        raise BundleError(
            f"cog.yaml wants system packages that this machine lacks: {', '.join(missing)}. "
            f"Have them installed (apt-get install {' '.join(missing)}) and push again, or remove them."
        )
    commands = [each for each in config.commands if not _NO_OP.match(each) and not packages_alone(each)]
    if commands:
        listed = "".join(f"\n  {command}" for command in commands)
        raise BundleError(
            f"cog.yaml wants commands run while the model is built, which needs an image of its own:{listed}\n"
            "Python packages belong in `python_packages`, downloads in setup(); remove what is left."
        )


async def _present(name: str) -> bool:
    if shutil.which(name):
        return True
    if shutil.which("dpkg-query"):
        return await _installed([*_spellings(name)])
    short = re.sub(r"^lib|(-dev)?$", "", name)
    library = re.sub(r"[\d.-]+$", "", short)
    return any(ctypes.util.find_library(each) for each in (short, library) if each)


def _spellings(name: str) -> Iterator[str]:
    for each in (name, _RENAMED.get(name, name)):
        yield from (each, f"{each}t64")


async def _installed(names: list[str]) -> bool:
    done = await finish(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}\n", *names],
        cwd=Path("/"),
        environ=author_variables(os.environ),
        timeout_s=30,
    )
    return "installed" in done.output.split()
