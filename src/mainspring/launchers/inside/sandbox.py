"""Takes from this process what a model has no business with, by the kernel's own unprivileged means.

Three layers, each applied where it is asked for: a mount namespace (private /tmp and /dev/shm, covered
directories), Landlock (a list of what may be read and written) and, always, no new privileges and no
capabilities beyond ordinary file work. Python 3.10 or newer, standard library only, no thread may run yet.
"""

from __future__ import annotations

import ctypes
import os
import stat

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = (
    1,
    2,
    4,
    32,
    0x1000,
    0x4000,
    1 << 18,
)
_MS_RELATIME, _ST_RELATIME, _ST_SAME_AS_MS = 1 << 21, 4096, 2 | 4 | 8 | 1024 | 2048
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_SIGKILL = 9
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1
# Chown, pass file modes, keep ids of files, set own uid and gid: what a package may need as root.
_KEPT_CAPABILITIES = {0, 1, 3, 4, 6, 7}
_LAST_CAPABILITY = 63

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK, _REFER, _TRUNCATE, _IOCTL_DEV = 1 << 6, 1 << 11, 1 << 13, 1 << 14, 1 << 15
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_SCOPE_SOCKETS_AND_SIGNALS = 3

READ = _EXECUTE | _READ_FILE | _READ_DIR
DEVICE = READ | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
UNLISTED = 0xFFFF & ~(_MAKE_CHAR | _MAKE_BLOCK | _READ_DIR)
WRITE = UNLISTED | _READ_DIR

_libc = ctypes.CDLL(None, use_errno=True)


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def _prctl(option: int, value: int, what: str) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), what)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the parent's thread ends; exit at once if it already has."""
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL, "parent-death signal")
    if os.getppid() != parent:
        os._exit(1)


def enter_mount_namespace() -> None:
    """Get mounts of one's own, through a user namespace where this process lacks the right."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWNS) != 0:
        _checked(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
        _prctl(_PR_SET_DUMPABLE, 1, "dumpable")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)


def cover(target: str, stand_in: str, kept: list[str], own: str) -> None:
    """Put `stand_in` where `target` is; of what lies there, `kept` stays to read and `own` to write."""
    target = os.path.realpath(target)
    if not os.path.isdir(target):
        return
    for path in [*kept, own]:
        if path.startswith(target + "/"):
            place = stand_in + path[len(target) :]
            _make_place(path, place)
            _mount(path, place, None, _MS_BIND | _MS_REC)
            if path != own:
                _mount(None, place, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _present_flags(place))
    _mount(stand_in, target, None, _MS_BIND | _MS_REC)


def _make_place(path: str, place: str) -> None:
    """Something of the same kind to mount `path` on."""
    folder = place if os.path.isdir(path) else os.path.dirname(place)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if folder != place:
        os.close(os.open(place, os.O_CREAT | os.O_RDONLY, 0o600))


def _present_flags(path: str) -> int:
    """Flags of a mount that an unprivileged remount has to repeat."""
    flags = os.statvfs(path).f_flag
    return (flags & _ST_SAME_AS_MS) | (_MS_RELATIME if flags & _ST_RELATIME else 0)


def private_memory(target: str = "/dev/shm") -> None:
    """Give this process a shared-memory directory that no other instance sees."""
    _mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV)


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    encoded = [None if part is None else os.fsencode(part) for part in (source, target, kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), None), f"mount {target}")


def landlock_version() -> int:
    """The kernel's Landlock ABI; 0 where there is none."""
    return max(
        0, int(_libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_LANDLOCK_VERSION)))
    )


def restrict(allowed: list[tuple[str, int]]) -> None:
    """Leave this process and its children only the listed (path, rights); missing paths are skipped."""
    version = landlock_version()
    if not version:
        raise OSError("the kernel has no Landlock")
    handled = 0x1FFF
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        handled |= right if version >= since else 0
    attr = _RulesetAttr(handled, 0, _SCOPE_SOCKETS_AND_SIGNALS if version >= 6 else 0)
    size = 24 if version >= 6 else 8
    ruleset = _checked(
        _libc.syscall(_LANDLOCK_CREATE, ctypes.byref(attr), ctypes.c_size_t(size), ctypes.c_uint(0)),
        "ruleset",
    )
    for path, rights in allowed:
        _allow(ruleset, path, rights & handled)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "no new privileges")
    _checked(_libc.syscall(_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint(0)), "restrict")
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not stat.S_ISDIR(os.fstat(fd).st_mode):
        rights &= _ON_FILES
    rule = _PathBeneathAttr(rights, fd)
    call = _libc.syscall(
        _LANDLOCK_ADD,
        ctypes.c_int(ruleset),
        ctypes.c_int(_LANDLOCK_PATH_BENEATH),
        ctypes.byref(rule),
        ctypes.c_uint(0),
    )
    os.close(fd)
    _checked(call, f"allow {path}")


def drop_privileges() -> None:
    """Lose for good the capabilities that a model never needs; harmless for an ordinary user."""
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in _KEPT_CAPABILITIES:
            _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "no new privileges")
    _keep_capabilities(sum(1 << c for c in _KEPT_CAPABILITIES))


def _keep_capabilities(mask: int) -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (ctypes.c_uint32 * 6)()
    _checked(_libc.capget(header, held), "capget")
    kept = (ctypes.c_uint32 * 6)(*(h & (mask if i < 3 else 0) for i, h in enumerate(held)))
    _checked(_libc.capset(header, kept), "capset")
