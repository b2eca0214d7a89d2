"""Installs models of the catalogue: weights, then a version, then the ids that it stands in for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mainspring.bundle import pack
from mainspring.bundle.catalogue import Catalogue, Entry, Weights, default_catalogue
from mainspring.core.errors import Conflict, MainspringError
from mainspring.core.ids import rfc3339
from mainspring.records.accounts import Accounts
from mainspring.records.aliases import Aliases
from mainspring.records.catalog import Catalog, Version
from mainspring.records.installed import Installations, Installed
from mainspring.records.members import Members
from mainspring.services.builder import Builder
from mainspring.services.downloads import Progress, digest
from mainspring.services.hub import HUB, Hub, Wanted
from mainspring.services.stores import Place, Stores, parse_place
from mainspring.settings import Settings

log = logging.getLogger(__name__)
_PAGE = 100
_UNUSED = ".unused-"


class InstallError(MainspringError):
    """A model could not be installed or removed; in words for the operator."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The operator's weights: a directory of the server's machine, or the URL of an object store or of a repository of
    the hub; what they are called, and whether they are the model's own."""

    weights: str | None = None
    name: str | None = None
    own: bool = False


class Installer:
    """Adds and removes; downloaded weights lie in `weights` of the data directory."""

    def __init__(
        self,
        *,
        settings: Settings,
        builder: Builder,
        accounts: Accounts,
        members: Members,
        catalog: Catalog,
        aliases: Aliases,
        installed: Installations,
        now: Callable[[], datetime],
    ) -> None:
        self._root = settings.data / "weights"
        self._owner = settings.account
        self.catalogue = Catalogue(Path(settings.catalogue) if settings.catalogue else default_catalogue())
        self._hub = Hub(self._root, settings.hub, settings.hub_token)
        self._stores = Stores(self._root)
        self._builder = builder
        self._accounts = accounts
        self._members = members
        self._catalog = catalog
        self._aliases = aliases
        self._installed = installed
        self._now = now

    async def add(self, entry: Entry, choice: Choice, told: Progress) -> tuple[Version, bool]:
        """Install or renew a model; its version, and whether that is new. Raises MainspringError."""
        await self._ensure_owner(entry.owner)
        before = await self._installed.get(entry.full_name)
        installed = await self._weights(entry, choice, before, told)
        self._mark_unused(before, installed)
        await self._installed.put(installed)
        try:
            version, created = await self._build(entry, installed, told)
        except BaseException:
            if before is None:
                await self._installed.remove(entry.full_name)
            raise
        await self._aliases.list_for(entry.full_name, entry.about.versions, installed.installed_at)
        return version, created

    async def remove(self, model: str) -> None:
        """Forget an installed model, its versions, its ids and the weights that were downloaded for it alone.

        Raises InstallError for one that was not installed, Conflict while something needs a version of it.
        """
        installed = await self._installed.get(model)
        if installed is None:
            raise InstallError(f"{model} was not installed from the catalogue.")
        await self._remove_versions(model)
        owner, _, name = model.partition("/")
        await self._catalog.update_model(owner, name, {"visibility": "private"})
        await self._catalog.delete_model(owner, name)
        await self._aliases.remove_all(model)
        await self._installed.remove(model)
        await self._remove_weights(installed.weights)

    async def sweep(self) -> None:
        """Remove downloaded weights that a model had before it got others. Call it before the first launch."""
        for mark in self._root.glob(f"{_UNUSED}*"):
            await self._remove_weights(str(self._root / mark.name.removeprefix(_UNUSED)))
            mark.unlink(missing_ok=True)

    async def _ensure_owner(self, owner: str) -> None:
        """An account of the model's owner: an organization that the operator owns."""
        known = await self._accounts.get(owner)
        if known is None:
            with contextlib.suppress(Conflict):
                await self._members.create(owner, owner, self._owner, self._now())
        elif known.type != "organization" and owner != self._owner:
            raise InstallError(f"The account {owner} belongs to a user; the catalogue leaves it alone.")

    async def _weights(
        self, entry: Entry, choice: Choice, before: Installed | None, told: Progress
    ) -> Installed:
        """Where its weights are: as the operator says, as before, in a package, from the hub; in this order."""
        plain = Installed(model=entry.full_name, installed_at=rfc3339(self._now()))
        if choice.weights is None and before is not None and before.source is not None:
            choice = Choice(before.source, before.weights_name, before.own)
        if choice.weights is not None:
            return await self._chosen(entry, choice, choice.weights, plain, told)
        if before is not None and before.weights is not None and not self._downloaded(before.weights):
            told.line(f"Weights: {before.weights}, as before")
            return before
        if entry.about.source == "package":
            return _packaged(entry, plain, told)
        if entry.about.source == "directory":
            told.line(
                f"It comes without weights. Give it some: mainspring catalog add {entry.full_name} --weights DIR"
            )
            return plain
        wanted = _wanted(entry, HUB)
        return _with(plain, await self._download(entry, wanted, told), wanted.called, own=True)

    async def _chosen(
        self, entry: Entry, choice: Choice, given: str, plain: Installed, told: Progress
    ) -> Installed:
        """The operator's weights: where they lie, or brought from the hub or their store."""
        if "://" not in given:
            return await _given(entry, choice, Path(given), plain, told)
        if given.startswith("file://"):
            return await _given(entry, choice, _local(given), plain, told)
        place: Wanted | Place
        if given.startswith(HUB):
            place = _wanted(entry, given)
            directory = await self._download(entry, place, told)
            choice = replace(choice, own=choice.own or (choice.name is None and _promised(entry, place)))
        else:
            place = parse_place(given)
            directory = await self._stores.fetch(place, told)
        installed = await _given(entry, choice, directory, plain, told, called=place.called, at=place.url)
        return replace(installed, source=place.url)

    async def _download(self, entry: Entry, wanted: Wanted, told: Progress) -> Path:
        """The directory with files of the hub, downloaded unless they are here."""
        if not self._hub.has(wanted):
            self._check_room(entry)
            told.line(f"Weights: {wanted.repository} at {wanted.revision[:12]}")
        return await self._hub.fetch(wanted, told.bytes)

    def _mark_unused(self, before: Installed | None, after: Installed) -> None:
        """Leave word that downloaded weights have been replaced: instances may read them until the server stops."""
        old = before.weights if before is not None else None
        if old is not None and old != after.weights and self._downloaded(old):
            (self._root / f"{_UNUSED}{Path(old).name}").touch()

    def _downloaded(self, directory: str) -> bool:
        return Path(directory).parent == self._root

    def _check_room(self, entry: Entry) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._root).free
        weights = entry.about.weights
        needed = entry.about.disk + (weights.download if weights is not None else 0)
        if needed > free:
            raise InstallError(
                f"{entry.full_name} takes {needed / 1e9:.1f} GB of disk, and {free / 1e9:.1f} GB are free."
            )

    async def _build(self, entry: Entry, installed: Installed, told: Progress) -> tuple[Version, bool]:
        # Other weights take other memory than the entry says.
        about = entry.about
        fits = about.fits(given=installed.weights is not None, own=installed.own)
        wishes: dict[str, Any] = {
            "description": about.description,
            "hardware": about.hardware,
            "instance_memory": (fits and about.memory) or None,
            "gpu_memory": (fits and about.gpu_memory) or None,
        }
        with tempfile.TemporaryDirectory(prefix="mainspring-") as place:
            project, archive = Path(place, "project"), Path(place, "project.tar.gz")
            await asyncio.to_thread(entry.lay_out, project)
            await asyncio.to_thread(_pack, project, archive)
            return await self._builder.build(archive, entry.full_name, wishes, told.line)

    async def _remove_versions(self, model: str) -> None:
        while found := (await self._catalog.list_versions(model, None, _PAGE)).items:
            for version in found:
                if not await self._catalog.delete_version(model, version.id):
                    raise Conflict(
                        f"{model} has predictions that have not ended, or a deployment: {version.id[:12]} is needed."
                    )

    async def _remove_weights(self, directory: str | None) -> None:
        if directory is None or not self._downloaded(directory):
            return
        if all(other.weights != directory for other in await self._installed.list()):
            await asyncio.to_thread(shutil.rmtree, directory, True)


def _wanted(entry: Entry, place: str) -> Wanted:
    """What hub://OWNER/NAME@COMMIT names; hub:// alone is what the catalogue pins. Raises InstallError."""
    weights = entry.about.weights
    if weights is None or not weights.listed:
        raise InstallError(
            f"The catalogue doesn't know which files {entry.full_name} needs of a hub. Give a directory."
        )
    if place != HUB:
        repository, _, revision = place.removeprefix(HUB).partition("@")
    elif weights.pinned:
        repository, revision = str(weights.hub), str(weights.revision)
    else:
        raise InstallError(
            f"The catalogue pins no weights of {entry.full_name}. Name a repository and its commit, "
            f"{HUB}{weights.hub or 'OWNER/NAME'}@COMMIT, or a directory."
        )
    known = weights.sha256 if (repository, revision) == (weights.hub, weights.revision) else {}
    return Wanted(repository, revision, tuple(weights.listed), known)


def _promised(entry: Entry, wanted: Wanted) -> bool:
    """Whether the files are from where the model's own weights are."""
    return entry.about.weights is not None and entry.about.weights.hub == wanted.repository


def _packaged(entry: Entry, plain: Installed, told: Progress) -> Installed:
    """The weights of its packages, by their name where that is not what the model's name promises."""
    name = entry.about.packaged_weights
    if name is None:
        return plain
    told.line(f"Weights: {name}, from its packages: not {entry.full_name}'s own")
    return replace(plain, weights_name=name, own=False)


async def _given(
    entry: Entry,
    choice: Choice,
    directory: Path,
    plain: Installed,
    told: Progress,
    *,
    called: str | None = None,
    at: str | None = None,
) -> Installed:
    """The operator's directory. What its weights are called is shown, unless they are the model's own.

    called, at: their name and place, when the directory is a copy.
    """
    at = at or str(directory)
    if not directory.is_absolute() or not await asyncio.to_thread(directory.is_dir):
        raise InstallError(f"{directory} is no directory of the server's machine.")
    weights = entry.about.weights
    if weights is not None and (missing := weights.missing(directory)):
        told.line(f"{at} lacks {', '.join(missing)}; the model says at setup whether it can do without.")
    own = choice.own
    if not own and choice.name is None and weights is not None and _alike(weights, directory):
        told.line(f"Comparing checksums with those of {entry.full_name}'s own weights")
        own = await asyncio.to_thread(_same, weights, directory)
    name = choice.name or called or (weights.hub if own and weights and weights.hub else directory.name)
    told.line(f"Weights: {at}" if own else f"Weights: {at}, called {name}: not {entry.full_name}'s own")
    return _with(plain, directory, name, own=own)


def _local(url: str) -> Path:
    """The directory that a file: URL names."""
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise InstallError(f"{url} names another machine. Say file:///directory.")
    return Path(unquote(parts.path))


def _with(plain: Installed, directory: Path, name: str, *, own: bool) -> Installed:
    return Installed(
        model=plain.model,
        weights=str(directory),
        weights_name=name,
        own=own,
        installed_at=plain.installed_at,
    )


def _alike(weights: Weights, directory: Path) -> bool:
    """Whether the directory has the files whose checksums the catalogue knows, and none to be loaded in their place."""
    known, kinds = set(weights.sha256), {Path(name).suffix for name in weights.sha256}
    found = (path for pattern in weights.files for path in directory.glob(pattern))
    there = {str(path.relative_to(directory)) for path in found if path.suffix in kinds}
    return bool(known) and there <= known and all((directory / name).is_file() for name in known)


def _same(weights: Weights, directory: Path) -> bool:
    """Whether they are those files."""
    return all(digest(directory / name) == wanted for name, wanted in weights.sha256.items())


def _pack(project: Path, archive: Path) -> None:
    with archive.open("wb") as out:
        pack(project, out)
