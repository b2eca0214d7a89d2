"""Running a program that must not outlive us: own process group, time limit, clean environment."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mainspring.core.errors import BundleError

_PR_SET_PDEATHSIG = 1
_MOST_KEPT = 256 << 10
_COMMON = {
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_HOME"),
    *(
        "CC",
        "CXX",
        "CFLAGS",
        "CXXFLAGS",
        "LDFLAGS",
        "MAKEFLAGS",
        "NVIDIA_VISIBLE_DEVICES",
        "CUDA_VISIBLE_DEVICES",
    ),
}
_NETWORK = {
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"),
    *(
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"),
}
_PIP_AS_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
    "PIP_CERT": "SSL_CERT_FILE",
}
_CREDENTIALS = re.compile(r"://[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: its exit status (negative: the signal) and the last 256 KiB of what it printed."""

    status: int
    output: str
    errors: str


def author_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What an author's code may see of our own environment: no setting, no token, no index of packages."""
    return {k: v for k, v in environ.items() if k in _COMMON or k.startswith("LC_")}


def installer_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What uv may see: the above, the network's settings, and the operator's indexes, pip's spelled as uv's."""
    kept = {k: v for k, v in environ.items() if k in _NETWORK or k.startswith("UV_")}
    kept = {**author_variables(environ), **kept}
    for pip, uv in _PIP_AS_UV.items():
        if environ.get(pip) and uv not in kept:
            kept[uv] = ",".join(environ[pip].split()) if uv == "UV_FIND_LINKS" else environ[pip]
    return kept


async def finish(
    command: Sequence[object],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    timeout_s: float,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run `command` to its end; `on_line` gets each line of its stderr as it comes, credentials in URLs masked.

    Raises BundleError past `timeout_s`. However this ends, also by cancellation, the whole process group is gone.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await asyncio.gather(_read(process.stdout), _read(process.stderr, on_line))
            return Finished(await process.wait(), output, errors)
    except TimeoutError:
        raise BundleError(
            f"{Path(str(command[0])).name} took longer than {timeout_s:g} s and was stopped."
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())


async def _read(stream: asyncio.StreamReader | None, on_line: Callable[[str], None] | None = None) -> str:
    kept, rest = b"", b""
    while stream and (data := await stream.read(1 << 16)):
        kept = (kept + data)[-_MOST_KEPT:]
        *lines, rest = (rest + data).split(b"\n")
        for line in lines if on_line else ():
            _tell(on_line, line)
        rest = rest[-_MOST_KEPT:]
    if rest:
        _tell(on_line, rest)
    return _CREDENTIALS.sub("://***@", kept.decode(errors="replace"))


def _tell(on_line: Callable[[str], None] | None, line: bytes) -> None:
    text = _CREDENTIALS.sub("://***@", line.decode(errors="replace")).strip()
    if on_line and text:
        on_line(text)


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """Runs in the child: SIGKILL comes when we are gone, however we went."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
