"""Makes a version of a packed source: environment, schema, then one row. Nothing is registered if anything fails."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mainspring.bundle import (
    CogConfig,
    Environments,
    Fenced,
    describe,
    prepare_source,
    read_config,
    source_digest,
    unfenced,
    unpack,
    version_id,
)
from mainspring.core.errors import Conflict
from mainspring.core.ids import rfc3339
from mainspring.records.catalog import Catalog, Model, Version
from mainspring.settings import Settings

Progress = Callable[[str], None]
_DRAFT = ".building-"
_LONGEST_README, _LONGEST_DESCRIPTION = 256 << 10, 300


class Builder:
    """Builds versions, a few at a time."""

    def __init__(
        self,
        *,
        settings: Settings,
        catalog: Catalog,
        now: Callable[[], datetime],
        gpus: int,
        fenced: Fenced = unfenced,
        at_once: int = 2,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._now = now
        self._gpus = gpus
        self._fenced = fenced
        self._sources = settings.data / "sources"
        self._environments = Environments(settings.data, timeout_s=settings.build_timeout_s)
        self._turn = asyncio.Semaphore(at_once)

    async def sweep(self) -> None:
        """Remove what crashed builds left, and what no version refers to any more. Call it before any build."""
        self._sources.mkdir(parents=True, exist_ok=True)
        await self._environments.sweep()
        sources, environments = await self._catalog.referenced()
        for source in self._sources.iterdir():
            if source.name not in sources:
                await asyncio.to_thread(shutil.rmtree, source, True)
        for digest in await asyncio.to_thread(self._environments.digests):
            if digest not in environments:
                await self._environments.remove(digest)

    async def build(
        self, archive: Path, model: str, wishes: Mapping[str, Any], progress: Progress
    ) -> tuple[Version, bool]:
        """A version of model from a packed source, and whether it is new.

        wishes: fields of the model to set. Raises BundleError, in words for the model's author.
        """
        async with self._turn:
            draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self._sources))
            try:
                progress("Unpacking")
                await asyncio.to_thread(unpack, archive, draft / "source")
                readme = _readme(draft / "source")
                version = await self._make(draft / "source", model, progress)
            finally:
                await asyncio.to_thread(shutil.rmtree, draft, True)
            known = await self._catalog.get_version(model, version.id)
            await self._ensure_model(model, version, readme, wishes)
            return await self._catalog.register_version(model, version), known is None

    async def _make(self, draft: Path, model: str, progress: Progress) -> Version:
        config = read_config(draft)
        for warning in self._warnings(config):
            progress(warning)
        digest = await asyncio.to_thread(source_digest, draft)
        environment = await self._environments.ensure(config, draft, progress)
        progress("Reading the model's signature")
        signature = await describe(environment, draft, config, self._settings.schema_timeout_s, self._fenced)
        name = version_id(digest, environment.lock_text, signature.openapi, signature.cog_version)
        home = self._sources / name
        if not home.exists():
            prepare_source(draft, signature.openapi)
            draft.chmod(0o755)
            draft.rename(home)
        return Version(
            model=model,
            id=name,
            created_at=rfc3339(self._now()),
            cog_version=signature.cog_version,
            openapi_schema=signature.openapi,
            predictor=config.predict,
            slots=signature.concurrency,
            gpu=config.gpu,
            env=dict(config.environment),
            source=name,
            environment=environment.digest,
            trainer=config.train,
        )

    def _warnings(self, config: CogConfig) -> list[str]:
        found = list(config.warnings)
        if config.gpu and not self._gpus:
            found.append("cog.yaml asks for a GPU; this machine has none, so the model runs on the CPU")
        return found

    async def _ensure_model(
        self, model: str, version: Version, readme: str | None, wishes: Mapping[str, Any]
    ) -> None:
        owner, _, name = model.partition("/")
        if await self._catalog.get_model(owner, name) is None:
            hardware = "gpu" if version.gpu else "cpu"
            new = Model(
                owner=owner,
                name=name,
                visibility="public",
                hardware=hardware,
                created_at=rfc3339(self._now()),
                readme=readme,
                description=_first_paragraph(readme or ""),
            )
            with contextlib.suppress(Conflict):
                await self._catalog.create_model(new)
        if wishes:
            await self._catalog.update_model(owner, name, wishes)


def _readme(source: Path) -> str | None:
    """What the author tells of the model, if it is a file of their own and of a readable size."""
    file = source / "README.md"
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _LONGEST_README:
        return None
    return file.read_text(errors="replace")


def _first_paragraph(readme: str) -> str | None:
    """The first text of a README that is no heading, picture or table, as plain text of one line."""
    for paragraph in readme.replace("\r\n", "\n").split("\n\n"):
        text = " ".join(paragraph.split())
        if text and text[0].isalnum():
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("**", "")
            return plain if len(plain) <= _LONGEST_DESCRIPTION else plain[: _LONGEST_DESCRIPTION - 1] + "…"
    return None
