"""cog.yaml: what the author asks for, checked, with the line of whatever is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from mainspring.core.errors import BundleError

_REF = re.compile(r"^(?P<file>[^:\s]+\.py)(:(?P<name>[A-Za-z_]\w*))?$")
_VERSION = re.compile(r"^3\.\d+(\.\d+)?$")
_VARIABLE = re.compile(r"^(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)$", re.DOTALL)
_RESERVED = re.compile(r"^(PATH|PORT|LD_PRELOAD|VIRTUAL_ENV|COG_(?!TRACE_).*|MAINSPRING_.*)$")
_KNOWN = {"build", "image", "model", "run", "predict", "train", "concurrency", "environment", "weights"}
_KNOWN_BUILD = {
    *("gpu", "python_version", "python_requirements", "run", "system_packages"),
    *("cuda", "cudnn", "sdk_version", "python_packages", "pre_install"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CogConfig:
    """One cog.yaml.

    predict, train: `file.py:Name` or `file.py`, relative to the source, the file exists. python_version: "3.12" or
    "3.12.4". commands: what `build.pre_install` and `build.run` would run. concurrency: `concurrency.max`.
    warnings: what was ignored, a sentence each.
    """

    predict: str
    train: str | None = None
    python_version: str | None = None
    python_packages: tuple[str, ...] = ()
    python_requirements: str | None = None
    system_packages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    gpu: bool = False
    cuda: str | None = None
    sdk_version: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    concurrency: int | None = None
    image: str | None = None
    weights: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


def read_config(source: Path) -> CogConfig:
    """The cog.yaml of `source`. Raises BundleError, which names the line and what to do."""
    file = source / "cog.yaml"
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleError(
            f"There is no cog.yaml in {source.name or source}. A Cog model has one at its top."
        ) from None
    except UnicodeDecodeError as error:
        raise BundleError(f"cog.yaml is not UTF-8 text: {error}") from None
    root = _Section(_compose(text), "cog.yaml")
    build = root.section("build")
    return CogConfig(
        predict=_predictor(root, source),
        train=_reference(root, "train", source),
        python_version=_python_version(build),
        python_packages=build.texts("python_packages"),
        python_requirements=_requirements(build, source),
        system_packages=build.texts("system_packages"),
        commands=(*build.texts("pre_install"), *_commands(build)),
        gpu=build.flag("gpu"),
        cuda=build.text("cuda"),
        sdk_version=build.text("sdk_version"),
        environment=_environment(root),
        concurrency=_concurrency(root),
        image=root.text("image"),
        weights=root.plain("weights"),
        warnings=tuple(_warnings(root, build)),
    )


def _compose(text: str) -> yaml.MappingNode:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise BundleError(f"cog.yaml, {where}: not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise BundleError(f"cog.yaml: not valid YAML: {error}") from None
    if isinstance(node, yaml.MappingNode):
        return node
    raise BundleError("cog.yaml, line 1: must hold keys such as `build:` and `run:`, but does not.")


@dataclass(frozen=True, slots=True)
class _Section:
    """A mapping of the file that knows its lines."""

    node: yaml.MappingNode | None
    name: str

    def entries(self) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        yield from self.node.value if self.node else ()

    def get(self, key: str) -> yaml.Node | None:
        found = [value for name, value in self.entries() if name.value == key]
        return None if not found or found[-1].tag == "tag:yaml.org,2002:null" else found[-1]

    def section(self, key: str) -> _Section:
        node = self.get(key)
        if node is None or isinstance(node, yaml.MappingNode):
            return _Section(node, key)
        raise self.wrong(key, "must be a mapping of keys")

    def text(self, key: str) -> str | None:
        """A scalar as it was written: `3.10` stays "3.10"."""
        node = self.get(key)
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":bool")):
            return node.value if node else None
        raise self.wrong(key, "must be a string")

    def texts(self, key: str) -> tuple[str, ...]:
        node = self.get(key)
        if node is None:
            return ()
        if isinstance(node, yaml.SequenceNode) and all(
            isinstance(item, yaml.ScalarNode) for item in node.value
        ):
            return tuple(item.value.strip() for item in node.value)
        raise self.wrong(key, "must be a list of strings")

    def flag(self, key: str) -> bool:
        node = self.get(key)
        if node is None or node.tag.endswith(":bool"):
            return node is not None and node.value.lower() in {"true", "yes", "on"}
        raise self.wrong(key, "must be true or false")

    def plain(self, key: str) -> tuple[Mapping[str, Any], ...]:
        node = self.get(key)
        if node is None:
            return ()
        if isinstance(node, yaml.SequenceNode) and all(
            isinstance(item, yaml.MappingNode) for item in node.value
        ):
            return tuple(yaml.safe_load(yaml.serialize(item)) for item in node.value)
        raise self.wrong(key, "must be a list of mappings")

    def wrong(self, key: str, problem: str, node: yaml.Node | None = None) -> BundleError:
        at = node or next((name for name, _ in self.entries() if name.value == key), self.node)
        where = f", line {at.start_mark.line + 1}" if at else ""
        return BundleError(f"cog.yaml{where}: `{key}` {problem}.")


def _predictor(root: _Section, source: Path) -> str:
    if root.get("run") is not None and root.get("predict") is not None:
        raise root.wrong("predict", "and `run` are the same thing; keep one of them")
    found = _reference(root, "run", source) or _reference(root, "predict", source)
    if found is None:
        raise BundleError("cog.yaml: names no predictor. Add a line such as `run: predict.py:Predictor`.")
    return found


def _reference(root: _Section, key: str, source: Path) -> str | None:
    text = root.text(key)
    if text is None:
        return None
    match = _REF.match(text.strip())
    if not match:
        raise root.wrong(key, f"must look like `predict.py:Predictor`, not {text!r}")
    file = match["file"]
    if not _inside(source, file):
        raise root.wrong(key, f"must name a file inside the model's directory, not {file!r}")
    if not (source / file).is_file():
        raise root.wrong(
            key, f"names {file}, which is not there; correct the path, or see that .dockerignore keeps it"
        )
    return text.strip()


def _inside(source: Path, file: str) -> bool:
    return (source / file).resolve().is_relative_to(source.resolve())


def _python_version(build: _Section) -> str | None:
    text = build.text("python_version")
    if text is None or (_VERSION.match(text) and int(text.split(".")[1]) >= 10):
        return text
    raise build.wrong("python_version", f'must be 3.10 or newer, written such as "3.12", not {text!r}')


def _requirements(build: _Section, source: Path) -> str | None:
    file = build.text("python_requirements")
    if file is None:
        return None
    if not _inside(source, file) or not (source / file).is_file():
        raise build.wrong("python_requirements", f"names {file}, which is not in the model's directory")
    return file


def _commands(build: _Section) -> Iterator[str]:
    node = build.get("run")
    if node is None:
        return
    if not isinstance(node, yaml.SequenceNode):
        raise build.wrong("run", "must be a list of commands")
    for item in node.value:
        command = item.value if isinstance(item, yaml.ScalarNode) else _Section(item, "run").text("command")
        if not command:
            raise build.wrong("run", "must hold strings or mappings with `command`", item)
        yield command.strip()


def _environment(root: _Section) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for text in root.texts("environment"):
        match = _VARIABLE.match(text)
        if not match:
            raise root.wrong("environment", f"must hold `NAME=value`, not {text!r}")
        if _RESERVED.match(match["name"]):
            raise root.wrong(
                "environment", f"can't set {match['name']}; that variable belongs to the platform"
            )
        found[match["name"]] = match["value"]
    return MappingProxyType(found)


def _concurrency(root: _Section) -> int | None:
    section = root.section("concurrency")
    node = section.get("max")
    if node is None:
        return None
    if not node.tag.endswith(":int") or int(node.value) < 1:
        raise section.wrong("max", "must be a whole number from 1")
    return int(node.value)


def _warnings(root: _Section, build: _Section) -> Iterator[str]:
    spots: list[tuple[_Section, set[str], Callable[[str], str]]] = [
        (root, _KNOWN, str),
        (build, _KNOWN_BUILD, "build.{}".format),
    ]
    for section, known, full in spots:
        for key, _ in section.entries():
            if key.value not in known:
                yield f"cog.yaml, line {key.start_mark.line + 1}: unknown key `{full(key.value)}` is ignored."
    if root.get("weights") is not None:
        yield "cog.yaml: `weights` is not fetched here; put the files into the source or fetch them in setup()."
