"""Becomes one instance: fenced in first, then the unmodified Cog server, in a single interpreter.

Arguments are `key=value`: parent, port, predictor, mode (predict or train), nofile, layers (of "mounts,landlock"),
and any number of read, write, unlisted, device, kept, and cover (`directory:stand-in`), with own the directory that
stays writable. What a model sees comes by the environment. Python 3.10 or newer, standard library only. Instead of
serving, `probe=1` applies the layers and prints "ok", and `run` executes a script with each `argument`.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mainspring.launchers.inside import sandbox
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import sandbox

    del sys.path[0]


def _arguments(argv: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for argument in argv:
        key, _, value = argument.partition("=")
        found.setdefault(key, []).append(value)
    return found


def _limit(nofile: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = nofile if hard == resource.RLIM_INFINITY else min(nofile, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass


def _fence(given: dict[str, list[str]]) -> None:
    layers = given["layers"][0].split(",")
    if "mounts" in layers:
        sandbox.enter_mount_namespace()
        for pair in given.get("cover", []):
            target, _, stand_in = pair.partition(":")
            sandbox.cover(target, stand_in, given.get("kept", []), given["own"][0])
        sandbox.private_memory()
    if "landlock" in layers:
        rights = {
            "read": sandbox.READ,
            "write": sandbox.WRITE,
            "unlisted": sandbox.UNLISTED,
            "device": sandbox.DEVICE,
        }
        sandbox.restrict([(path, right) for key, right in rights.items() for path in given.get(key, [])])
    sandbox.drop_privileges()


def _spare_the_server_an_import(site_packages: str) -> None:
    """Only the worker needs the `cog` package; the server asks it for its version, at 90 ms of imports."""
    if "COG_TRACE_CONFIGURED" in os.environ:
        return
    versions = [
        n[4:-10] for n in os.listdir(site_packages) if n.startswith("cog-") and n.endswith(".dist-info")
    ]
    if len(versions) == 1:
        stand_in = type(sys)("cog")
        stand_in.__dict__["__version__"] = versions[0]
        sys.modules["cog"] = stand_in


def _serve(predictor: str, port: int, mode: str) -> None:
    import coglet

    _spare_the_server_an_import(os.path.dirname(os.path.dirname(coglet.__file__)))
    coglet.server.serve(predictor_ref=predictor, host="127.0.0.1", port=port, is_train=mode == "train")


def main() -> None:
    given = _arguments(sys.argv[1:])
    parent = int(given["parent"][0])
    here = os.getcwd()
    if sys.platform == "linux":
        sandbox.die_with_parent(parent)
        _limit(int(given["nofile"][0]))
        _fence(given)
        # A change of credentials clears the signal.
        sandbox.die_with_parent(parent)
    os.chdir(here)
    if "probe" in given:
        print("ok")
        return
    if "run" in given:
        sys.argv = [given["run"][0], *given.get("argument", [])]
        sys.path.insert(0, here)
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    _serve(given["predictor"][0], int(given["port"][0]), given["mode"][0])


if __name__ == "__main__":
    main()
