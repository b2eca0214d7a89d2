"""An instance's private directory: a writable view of the shared source, and places for files in and out."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from mainspring.launchers import LaunchSpec

COPIED_BELOW_BYTES = 1 << 20


def lay_out(spec: LaunchSpec, workdir: Path, veils: int) -> None:
    """Make workdir with work/, tmp/, inbox/, outbox/ and `veils` empty stand-ins for directories to cover."""
    workdir.mkdir(mode=0o700, parents=True)
    for name in ("tmp", "inbox", "outbox", *(f"veils/{i}" for i in range(veils))):
        (workdir / name).mkdir(mode=0o700, parents=True)
    _mirror(str(spec.source), str(workdir / "work"))
    if spec.document is not None:
        own = workdir / "work" / ".cog" / "openapi_schema.json"
        own.unlink(missing_ok=True)
        own.write_bytes(spec.document)


def _mirror(source: str, target: str) -> None:
    """Copy a tree, with links in place of large files; times are kept, so compiled modules stay valid."""
    os.mkdir(target, 0o755)
    with os.scandir(source) as entries:
        for entry in entries:
            place = os.path.join(target, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), place)
            elif entry.is_dir():
                _mirror(entry.path, place)
            elif entry.stat().st_size < COPIED_BELOW_BYTES:
                shutil.copyfile(entry.path, place)
                _copy_times_and_mode(entry.stat(), place)
            else:
                os.symlink(entry.path, place)


def _copy_times_and_mode(status: os.stat_result, place: str) -> None:
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.chmod(place, 0o644 | (status.st_mode & 0o111))


def remove(workdir: Path) -> None:
    """Delete an instance's directory, also where the model took its own permissions away."""

    def retry(_function: object, path: str, _error: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)

    try:
        shutil.rmtree(workdir, onerror=retry)
    except OSError:
        shutil.rmtree(workdir, ignore_errors=True)


def open_beneath(root: Path, *names: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of root/names…, where no name is a link: a model owns what lies there. Raises OSError."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    for position, name in enumerate(names):
        if name in ("", ".", "..") or "/" in name:
            os.close(fd)
            raise OSError(f"{name!r} is not a file name")
        last = position == len(names) - 1
        kind = flags | os.O_NONBLOCK if last else os.O_RDONLY | os.O_DIRECTORY
        try:
            below = os.open(name, kind | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


def remove_traces(prediction_id: str, directory: int) -> None:
    """Remove a prediction's directory, mostly three empty ones, beneath an open directory."""
    try:
        for name in ("inputs", "outputs", ""):
            os.rmdir(os.path.join(prediction_id, name), dir_fd=directory)
    except OSError:
        with contextlib.suppress(OSError):
            shutil.rmtree(prediction_id, dir_fd=directory)
