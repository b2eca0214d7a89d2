"""What Python packages a model wants: requirement files flattened, options sorted out, Cog put in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mainspring.bundle.cogyaml import CogConfig
from mainspring.core.errors import BundleError

COG_VERSION = "0.23.1"
OLDEST_COG, NEWEST_COG = (0, 21), (0, 23)

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
_PASSED = {
    "-i": "--default-index",
    "--index-url": "--default-index",
    "--extra-index-url": "--index",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
    "--trusted-host": "--allow-insecure-host",
}
_SWITCHES = {"--no-index": ("--no-index",), "--pre": ("--prerelease", "allow")}
_INCLUDES = {"-r": False, "--requirement": False, "-c": True, "--constraint": True}
_MEANINGLESS = {"--prefer-binary", "--use-pep517", "--no-cache-dir", "--upgrade", "-U", "--quiet", "-q"}
_ALONE = re.compile(
    r"^\s*(uv |python3? -m )?pip install\s+--no-deps(?P<pins>(\s+[A-Za-z0-9][\w.-]*==[A-Za-z0-9][\w.!+-]*)+)\s*$"
)
_LOCAL = re.compile(r"^(\.{1,2}(/|$)|/|file:)|^[^;@\s]*/|\.(whl|tar\.gz|zip)(\s|;|$)|@\s*(file:|\.{0,2}/)")


@dataclass(frozen=True, slots=True)
class Requirements:
    """What uv has to resolve. lines, constraints: requirement specifiers; options: arguments for uv, in order;
    local: something lies in the source itself; ignored: options that mean nothing here; alone: pins of packages that
    are wanted without what they depend on."""

    lines: tuple[str, ...]
    constraints: tuple[str, ...]
    options: tuple[str, ...]
    local: bool
    ignored: tuple[str, ...]
    alone: tuple[str, ...]


def read_requirements(config: CogConfig, source: Path) -> Requirements:
    """All that `config` asks for, with Cog. Raises BundleError with the file and line of what can't be read."""
    entries = list(_from_packages(config.python_packages))
    if config.python_requirements:
        entries += _from_file(source, config.python_requirements, False, ())
    lines = [entry.text for entry in entries if not entry.constraint]
    return Requirements(
        tuple(_with_cog(lines, config.sdk_version)),
        tuple(entry.text for entry in entries if entry.constraint and entry.text),
        tuple(option for entry in entries for option in entry.options),
        any(_LOCAL.search(line) for line in lines),
        tuple(entry.ignored for entry in entries if entry.ignored),
        tuple(pin for command in config.commands for pin in packages_alone(command)),
    )


def packages_alone(command: str) -> tuple[str, ...]:
    """The pins in `pip install --no-deps NAME==VERSION ...`, () if `command` is anything else.

    Cog has no key for a package without its dependencies; authors write it as a command of `build.run`.
    """
    found = _ALONE.match(command)
    return tuple(found["pins"].split()) if found else ()


def locked_version(lock: str, package: str) -> str | None:
    """The version of `package` in a lock, None if it is not there."""
    found = re.search(rf"^{re.escape(package)}==([^\s;\\]+)", lock, re.MULTILINE)
    return found[1] if found else None


def check_cog(lock: str) -> str:
    """The version of Cog in `lock`. Raises BundleError if this platform can't serve with it."""
    version = locked_version(lock, "cog") or "?"
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if OLDEST_COG <= numbers <= NEWEST_COG:
        return version
    oldest, newest = (".".join(map(str, each)) for each in (OLDEST_COG, NEWEST_COG))
    raise BundleError(
        f"The model's requirements lead to cog {version}; this platform serves cog {oldest} to {newest}. "
        f"Remove the pin, and {COG_VERSION} is used."
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str = ""
    constraint: bool = False
    options: tuple[str, ...] = ()
    ignored: str = ""


def _from_packages(packages: Iterable[str]) -> Iterator[_Entry]:
    for number, text in enumerate(packages, 1):
        yield from _entry(text, False, f"cog.yaml, entry {number} of `python_packages`")


def _from_file(source: Path, name: str, constraint: bool, seen: tuple[str, ...]) -> list[_Entry]:
    path = source / name
    if not path.resolve().is_relative_to(source.resolve()) or not path.is_file():
        raise BundleError(
            f"{seen[-1] if seen else 'cog.yaml'} names {name}, which is not in the model's directory."
        )
    if name in seen:
        raise BundleError(f"{name} includes itself.")
    found: list[_Entry] = []
    for number, text in _logical_lines(path.read_text(encoding="utf-8-sig")):
        option, value = _option(text)
        if option in _INCLUDES:
            inner = (Path(name).parent / value).as_posix()
            found += _from_file(source, inner, constraint or _INCLUDES[option], (*seen, name))
        else:
            found += _entry(text, constraint, f"{name}, line {number}")
    return found


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    start, held = 0, ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        start = start if held else number
        held += line.removesuffix("\\")
        if not line.endswith("\\"):
            if held.strip():
                yield start, held.strip()
            held = ""
    if held.strip():
        yield start, held.strip()


def _option(text: str) -> tuple[str, str]:
    if not text.startswith("-"):
        return "", text
    if re.match(r"^-[a-zA-Z][^\s=]", text):
        return text[:2], text[2:].strip()
    name, _, value = text.replace("=", " ", 1).partition(" ")
    return name, " ".join(shlex.split(value))


def _entry(text: str, constraint: bool, where: str) -> Iterator[_Entry]:
    if "${" in text:
        raise BundleError(f"{where}: {text!r} wants an environment variable; write the value itself.")
    option, value = _option(text)
    if option in {"-e", "--editable"}:
        yield _Entry(value, constraint)
    elif option in _PASSED:
        yield _Entry(options=(_PASSED[option], value), constraint=True)
    elif option in _SWITCHES:
        yield _Entry(options=_SWITCHES[option], constraint=True)
    elif option in _MEANINGLESS:
        yield _Entry(constraint=True, ignored=f"{where}: {option} has no meaning here and is ignored.")
    elif option:
        raise BundleError(f"{where}: the option {option} is not supported.")
    else:
        requirement, *options = re.split(r"\s+(?=--(?!hash|config))", text)
        yield _Entry(re.sub(r"\s+--(hash|config-settings)[=\s]\S+", "", requirement), constraint)
        for each in options:
            yield from _entry(each, constraint, where)


def _with_cog(lines: list[str], sdk_version: str | None) -> Iterator[str]:
    """The author's lines; Cog in our version unless they ask for one."""
    pinned = False
    for line in lines:
        match = _NAME.match(line)
        name = match[1].lower().replace("_", "-") if match else ""
        if name in {"cog", "coglet"} and line.split(";")[0].strip().lower() in {"cog", "coglet"}:
            continue
        pinned = pinned or name == "cog"
        if line:
            yield line
    if pinned or sdk_version:
        yield f"cog=={sdk_version}" if sdk_version and not pinned else "cog"
        yield "coglet"
    else:
        yield from (f"cog=={COG_VERSION}", f"coglet=={COG_VERSION}")
