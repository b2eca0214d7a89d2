"""What this machine can do to keep a model away from everything else, and what a model may touch."""

from __future__ import annotations

import functools
import glob
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mainspring.launchers import LaunchSpec
from mainspring.launchers.gpus import device_files

BOOT = Path(__file__).with_name("inside") / "boot.py"

Level = Literal["full", "landlock", "mounts", "none"]
_LAYERS: dict[Level, str] = {
    "full": "mounts,landlock",
    "landlock": "landlock",
    "mounts": "mounts",
    "none": "",
}
_NO_NAMESPACE_FIX = (
    "allow unprivileged user namespaces: `sysctl kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu), "
    "`sysctl kernel.unprivileged_userns_clone=1` (Debian), "
    "or `--security-opt seccomp=unconfined` in a container"
)
_NO_LANDLOCK_FIX = "use Linux 5.13 or newer with `landlock` in the kernel's `lsm=` list"

_ETC = tuple(
    f"/etc/{name}"
    for name in (
        *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone", "mime.types"),
        *(
            "ssl",
            "pki",
            "ca-certificates",
            "ca-certificates.conf",
            "crypto-policies",
            "os-release",
            "debian_version",
        ),
        *(
            "passwd",
            "group",
            "nsswitch.conf",
            "resolv.conf",
            "hosts",
            "host.conf",
            "gai.conf",
            "services",
            "protocols",
        ),
        *(
            "fonts",
            "magic",
            "OpenCL",
            "vulkan",
            "nvidia",
            "machine-id",
            "locale.alias",
            "python3.11",
            "python3",
        ),
    )
)
_SYSTEM = ("/usr", "/bin", "/sbin", "/opt", "/proc", "/sys", "/var/cache/fontconfig", *_ETC)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_GPU_DEVICES = (
    "/dev/nvidiactl",
    "/dev/nvidia-uvm",
    "/dev/nvidia-uvm-tools",
    "/dev/nvidia-modeset",
    "/dev/dri",
)
COG_TEMPORARY = Path("/tmp/coglet/predictions")


@dataclass(frozen=True, slots=True)
class Isolation:
    """How far a model is fenced in here.

    level: `full` (own /tmp and shared memory, listed files only), `landlock` (listed files only), `mounts`
    (private /tmp, hidden directories covered) or `none`. reason says what is missing and fix how to get it;
    both are empty at `full`.
    """

    level: Level
    reason: str = ""
    fix: str = ""

    @property
    def layers(self) -> str:
        """The layers as the boot program names them."""
        return _LAYERS[self.level]

    @property
    def private_tmp(self) -> bool:
        """Whether /tmp inside an instance is its own."""
        return "mounts" in self.layers


@functools.cache
def probe() -> Isolation:
    """Find the strongest level that works for this process, by trying each layer in a child: about 50 ms."""
    if sys.platform != "linux":
        return Isolation(
            "none", f"{sys.platform} has neither namespaces nor Landlock", "run the platform on Linux"
        )
    no_mounts, no_landlock = _failure("mounts"), _failure("landlock")
    if no_mounts and no_landlock:
        return Isolation("none", f"{no_mounts}; {no_landlock}", f"{_NO_LANDLOCK_FIX}; or {_NO_NAMESPACE_FIX}")
    if no_mounts:
        return Isolation("landlock", f"models share /tmp's namespace: {no_mounts}", _NO_NAMESPACE_FIX)
    if no_landlock:
        return Isolation("mounts", f"only known directories are hidden: {no_landlock}", _NO_LANDLOCK_FIX)
    return Isolation("full")


def _failure(layer: str) -> str:
    """Why a layer does not work here; empty if it does."""
    command = [
        sys.executable,
        "-I",
        str(BOOT),
        f"parent={os.getpid()}",
        "probe=1",
        "nofile=1024",
        f"layers={layer}",
    ]
    try:
        tried = subprocess.run([*command, "read=/"], capture_output=True, timeout=10, check=False, text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{layer}: {error}"
    if tried.returncode == 0 and tried.stdout == "ok\n":
        return ""
    lines = tried.stderr.strip().splitlines()
    return f"{layer}: {lines[-1] if lines else f'exit status {tried.returncode}'}"


def outside(roots: Iterable[str], hidden: Sequence[Path]) -> list[str]:
    """The roots without what is hidden: a root that holds a hidden path gives way to its other children."""
    veiled = [os.path.realpath(path) for path in hidden]
    found: list[str] = []
    pending = [os.path.realpath(root) for root in roots]
    while pending:
        path = pending.pop()
        if any(path == veil or path.startswith(veil + "/") for veil in veiled):
            continue
        if any(veil.startswith(path.rstrip("/") + "/") for veil in veiled):
            pending.extend(entry.path for entry in os.scandir(path) if not entry.is_symlink())
        else:
            found.append(path)
    return sorted(found)


@functools.lru_cache(maxsize=8)
def system_roots(hidden: tuple[Path, ...]) -> tuple[str, ...]:
    """Directories of the system that every model may read and execute."""
    elsewhere = [os.path.realpath("/etc/resolv.conf"), os.path.realpath("/etc/localtime")]
    certificates = [os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    return tuple(outside([*_SYSTEM, *glob.glob("/lib*"), *elsewhere], hidden)) + tuple(certificates)


@functools.lru_cache(maxsize=256)
def interpreter_roots(environment: Path) -> tuple[str, ...]:
    """The virtual environment, and the interpreter that it was made from."""
    roots = [str(environment)]
    home = _configured_home(environment)
    if home is not None:
        roots.append(str(home.parent))
        roots.append(str(Path(os.path.realpath(environment / "bin" / "python")).parent.parent))
    return tuple(dict.fromkeys(root for root in roots if root != "/"))


def _configured_home(environment: Path) -> Path | None:
    try:
        lines = (environment / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return None
    values = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "home"]
    return Path(values[0]) if values else None


def with_links(directories: Sequence[Path]) -> tuple[Path, ...]:
    """The directories, and the files elsewhere that links in them lead to: caches of model hubs are made of links."""
    found = dict.fromkeys(Path(os.path.realpath(directory)) for directory in directories)
    for directory in list(found):
        for root, _, files in os.walk(directory):
            links = (Path(root, name) for name in files if os.path.islink(os.path.join(root, name)))
            targets = (Path(os.path.realpath(link)) for link in links)
            found |= dict.fromkeys(t for t in targets if t.is_file() and not t.is_relative_to(directory))
    return tuple(found)


def fence(
    spec: LaunchSpec, workdir: Path, isolation: Isolation, hidden: Sequence[Path], adapter: Path | None
) -> list[str]:
    """The boot program's arguments that fence an instance in at this level."""
    own = [
        str(spec.source),
        *([str(spec.weights.parent)] if spec.weights else []),
        *map(str, spec.shared),
        *interpreter_roots(spec.environment),
        *([str(adapter.parent)] if adapter else []),
    ]
    needed = [*own, str(BOOT.parent)]
    arguments = [f"layers={isolation.layers}", f"own={workdir}"]
    if isolation.private_tmp:
        arguments += [f"cover=/tmp:{workdir / 'tmp'}", *(f"kept={os.path.realpath(path)}" for path in needed)]
    if isolation.level == "mounts":
        arguments += [
            f"cover={path}:{workdir / 'veils' / str(i)}" for i, path in enumerate(hidden) if path.is_dir()
        ]
    if "landlock" in isolation.layers:
        arguments += [f"read={path}" for path in (*system_roots(tuple(hidden)), *own)]
        arguments += [f"write={path}" for path in (workdir, workdir / "tmp", "/dev/shm")]
        arguments += [f"device={path}" for path in (*_DEVICES, *_gpu_devices(spec.devices))]
    if isolation.level == "landlock":
        arguments.append(f"unlisted={COG_TEMPORARY}")
    return arguments


def _gpu_devices(devices: tuple[int, ...]) -> list[str]:
    if not devices:
        return []
    return [*_GPU_DEVICES, *glob.glob("/dev/nvidia-caps"), *device_files(devices)]
