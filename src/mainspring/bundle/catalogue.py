"""The models that come with the platform: what each takes, and its project laid together.

A model is a folder OWNER/NAME with a catalog.toml. One that names a `package` lies over the project of that name in
`packages/`.
"""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mainspring.bundle.example import read_example
from mainspring.bundle.source import ALWAYS_SKIPPED
from mainspring.core.errors import BundleError

_PACKAGES = "packages"
_PATTERN = frozenset("*?[")


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights that do not come with a Python package.

    files: what a directory of them must hold, as patterns. hub and revision: where they can be had, at which commit;
    fetch: the files to take there, those of `files` without it; sha256: hex by file, where it is known. download:
    bytes of the hub's files, where that of the model does not count them.
    """

    files: list[str]
    hub: str | None = None
    revision: str | None = None
    fetch: list[str] = msgspec.field(default_factory=list)
    sha256: dict[str, str] = msgspec.field(default_factory=dict)
    download: int = 0

    @property
    def listed(self) -> list[str]:
        """The files to take from a repository of a hub; none when they are not known by name."""
        files = self.fetch or self.files
        return [] if any(_PATTERN & set(file) for file in files) else files

    @property
    def pinned(self) -> bool:
        """Whether a hub has them, at a commit that is known."""
        return bool(self.hub and self.revision and self.listed)

    def missing(self, directory: Path) -> list[str]:
        """The patterns that nothing in the directory answers to."""
        return [pattern for pattern in self.files if not any(directory.glob(pattern))]


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """catalog.toml. Sizes in bytes; hardware is a SKU; versions: the ids of Replicate that it stands in for.

    packaged_weights: what the weights of its packages are called, when they are not those that its name promises.
    """

    description: str
    hardware: str
    license: str
    weights_license: str
    gpu_memory: int = 0
    memory: int = 0
    download: int = 0
    disk: int = 0
    package: str | None = None
    packaged_weights: str | None = None
    versions: list[str] = msgspec.field(default_factory=list)
    weights: Weights | None = None

    @property
    def source(self) -> str:
        """Where its weights come from, unless the operator says: package, hub or directory."""
        if self.weights is None or self.packaged_weights is not None:
            return "package"
        return "hub" if self.weights.pinned else "directory"

    def fits(self, *, given: bool, own: bool) -> bool:
        """Whether memory and gpu_memory are those of the weights that run: its packages', else its own.

        given: they come from elsewhere than its packages; own: they are the model's own.
        """
        return not given or (own and self.source != "package")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the catalogue: its own folder, and that of the package it lies over."""

    owner: str
    name: str
    folder: Path
    package: Path | None
    about: Description

    @property
    def full_name(self) -> str:
        """owner/name."""
        return f"{self.owner}/{self.name}"

    @property
    def layers(self) -> list[Path]:
        """Its folders, the one that others lie over first."""
        return [layer for layer in (self.package, self.folder) if layer is not None]

    def example(self) -> dict[str, Any] | None:
        """The input that it is tried with, as `read_example` gives it. Raises BundleError."""
        return read_example(self.layers)

    def lay_out(self, into: Path) -> None:
        """Lay its project together in `into`, a directory that may exist."""
        ignored = shutil.ignore_patterns(*ALWAYS_SKIPPED)
        for layer in self.layers:
            shutil.copytree(layer, into, dirs_exist_ok=True, ignore=ignored)


class Catalogue:
    """The models in a directory. It is read anew each time: a few small files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def entries(self) -> list[Entry]:
        """Every model, by name. Raises BundleError for one that is badly described."""
        found = sorted(self._root.glob("*/*/catalog.toml"))
        return [self._read(file) for file in found if file.parent.parent.name != _PACKAGES]

    def get(self, full_name: str) -> Entry | None:
        """The model OWNER/NAME, if it is one. Raises BundleError for one that is badly described."""
        return next((entry for entry in self.entries() if entry.full_name == full_name), None)

    def _read(self, file: Path) -> Entry:
        about = _decode(file)
        package = self._root / _PACKAGES / about.package if about.package else None
        if package is not None and (package.parent != self._root / _PACKAGES or not package.is_dir()):
            raise BundleError(f"{file}: there is no package {about.package}")
        owner, name = file.parts[-3:-1]
        return Entry(owner, name, file.parent, package, about)


def default_catalogue() -> Path:
    """The directory of models that comes with this installation: in the package, or beside its source."""
    packaged = Path(__file__).parents[1] / "models"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "models"


def _decode(file: Path) -> Description:
    try:
        return msgspec.convert(tomllib.loads(file.read_text()), Description)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BundleError(f"{file}: {error}") from error
