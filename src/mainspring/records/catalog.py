"""Models and their versions. `model` as one text is owner/name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec

from mainspring.core.errors import Conflict, NotFound
from mainspring.core.schema import InputSchema, OutputKind
from mainspring.database import Database, Row, Statement
from mainspring.records.lines import IN_LINE
from mainspring.records.pages import Cursor, Keyset, Page, read_page
from mainspring.records.recent import Recent


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model. visibility: public or private; idle_timeout_s in seconds; instance_memory in bytes.

    retention_s: seconds that the data of its predictions is kept, 0 for ever, None as account or settings say.

    gpu_memory: bytes on each of the gpus that an instance takes. Times are RFC 3339. None for max_instances,
    idle_timeout_s, instance_memory, gpu_memory and gpus means: as was measured, or as the settings say. deterministic,
    seed_input, cache_s: its core.caching.Policy.
    """

    owner: str
    name: str
    visibility: str
    hardware: str
    created_at: str
    description: str | None = None
    github_url: str | None = None
    paper_url: str | None = None
    license_url: str | None = None
    weights_url: str | None = None
    cover_image_url: str | None = None
    readme: str | None = None
    run_count: int = 0
    min_instances: int = 0
    max_instances: int | None = None
    idle_timeout_s: float | None = None
    instance_memory: int | None = None
    gpu_memory: int | None = None
    gpus: int | None = None
    retention_s: int | None = None
    latest_version: str | None = None
    latest_version_at: str | None = None
    official: int = 0
    default_example: str | None = None
    deterministic: int = 0
    seed_input: str | None = None
    cache_s: int | None = None

    @property
    def full_name(self) -> str:
        """owner/name."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model: everything that is needed to start an instance of it.

    env: environment variables; source and environment: directories that the builder made; slots: how many
    predictions one instance takes at once. trainer: the reference of what trains it. base: owner/name:id of the version
    that a training made this one of, with weights as the key of what it learned in the object store.
    """

    model: str
    id: str
    created_at: str
    cog_version: str
    openapi_schema: Mapping[str, Any]
    predictor: str
    slots: int
    gpu: bool
    env: Mapping[str, str]
    source: str
    environment: str
    trainer: str | None = None
    weights: str | None = None
    base: str | None = None


# Of a model m: the account may know of it, because everybody may, or by itself, or as one of its organization's people.
VISIBLE = """(m.visibility = 'public' OR m.owner = :account OR m.owner IN
    (SELECT p.organization FROM members p JOIN accounts o ON o.username = p.organization
     WHERE p.account = :account AND o.disabled_at IS NULL))"""
_MODEL_COLUMNS = tuple(f.name for f in fields(Model))
EDITABLE = frozenset(_MODEL_COLUMNS) - {
    "owner",
    "name",
    "created_at",
    "run_count",
    "latest_version",
    "latest_version_at",
    "default_example",
}
_VERSION_COLUMNS = tuple(f.name for f in fields(Version))
_MODEL = ", ".join(_MODEL_COLUMNS)
_VERSION = ", ".join(_VERSION_COLUMNS)
_THIS_MODEL = "owner = :owner AND name = :name"

CREATE_MODEL = f"""
    INSERT INTO models ({_MODEL}) VALUES ({", ".join(":" + c for c in _MODEL_COLUMNS)})
    ON CONFLICT (owner, name) DO NOTHING RETURNING {_MODEL}"""
GET_MODEL = f"SELECT {_MODEL} FROM models WHERE {_THIS_MODEL}"
_VISIBLE = f"FROM models m WHERE {VISIBLE}"
LIST_MODELS = {
    "latest_version_created_at": Keyset.of(
        _MODEL, _VISIBLE, at="coalesce(latest_version_at, '')", key="(owner || '/' || name)"
    ),
    "model_created_at": Keyset.of(_MODEL, _VISIBLE, at="created_at", key="(owner || '/' || name)"),
}
SET = {c: f"UPDATE models SET {c} = :value WHERE {_THIS_MODEL} RETURNING name" for c in sorted(EDITABLE)}
DELETE_MODEL = f"""
    DELETE FROM models WHERE {_THIS_MODEL} AND visibility = 'private'
    AND NOT EXISTS (SELECT 1 FROM versions WHERE model = :model) RETURNING name"""
ADD_VERSION = f"""
    INSERT INTO versions ({_VERSION}) VALUES ({", ".join(":" + c for c in _VERSION_COLUMNS)})
    ON CONFLICT (model, id) DO UPDATE SET trainer = coalesce(versions.trainer, excluded.trainer)"""
SET_LATEST = f"""
    UPDATE models SET latest_version = :id, latest_version_at = :created_at
    WHERE {_THIS_MODEL} RETURNING name"""
GET_VERSION = f"SELECT {_VERSION} FROM versions WHERE model = :model AND id = :id"
FIND_VERSION = f"""
    SELECT {", ".join("v." + c for c in _VERSION_COLUMNS)}
    FROM versions v JOIN models m ON v.model = m.owner || '/' || m.name
    WHERE v.id = :id AND {VISIBLE}
    ORDER BY CASE WHEN m.owner = :account THEN 0 WHEN m.visibility = 'public' THEN 1 ELSE 2 END,
        v.created_at, v.model LIMIT 1"""
LIST_VERSIONS = Keyset.of(_VERSION, "FROM versions WHERE model = :model", at="created_at", key="id")
WARM = f"SELECT {_MODEL} FROM models WHERE min_instances > 0 AND latest_version IS NOT NULL"
DELETE_VERSION = f"""
    DELETE FROM versions WHERE model = :model AND id = :id
    AND NOT EXISTS (SELECT 1 FROM predictions WHERE {IN_LINE} AND queue BETWEEN :queue AND :queue || '~')
    AND NOT EXISTS (SELECT 1 FROM predictions WHERE status = 'processing' AND queue BETWEEN :queue AND :queue || '~')
    AND NOT EXISTS (SELECT 1 FROM releases r JOIN deployments d ON r.deployment = d.owner || '/' || d.name
        WHERE r.model = :model AND r.version = :id AND r.number IN (d.current, d.live)) RETURNING id"""
WEIGHTS = "SELECT weights FROM versions WHERE weights IS NOT NULL"
NEEDED_BY_OTHERS = """
    SELECT CASE WHEN kind = 'training' THEN 'training' ELSE 'run' END AS why FROM predictions
    WHERE model = :model AND version = :id
    AND (kind = 'training' AND status = 'succeeded' OR account <> :owner) LIMIT 1"""
_NEWEST = "FROM versions WHERE model = :model ORDER BY created_at DESC, id DESC LIMIT 1"
FALL_BACK = f"""
    UPDATE models
    SET latest_version = (SELECT id {_NEWEST}), latest_version_at = (SELECT created_at {_NEWEST})
    WHERE {_THIS_MODEL} AND latest_version = :id"""


class Catalog:
    """The models and versions of the ledger. What it was asked for is remembered for a second."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent(size=128)
        self._schemas = Recent(ttl_s=3600, size=256)

    async def create_model(self, model: Model, also: Sequence[Statement] = ()) -> Model:
        """A new model. also: guarded statements of the same transaction.

        Raises Conflict when the owner has one of that name, or when those did not allow it.
        """
        row = {c: getattr(model, c) for c in _MODEL_COLUMNS}
        *_, rows = await self._database.write(*also, Statement(CREATE_MODEL, row, guard=True))
        self._recent.forget()
        if not rows:
            raise Conflict("A model with that name and owner already exists")
        return _model(rows[0])

    async def get_model(self, owner: str, name: str) -> Model | None:
        """The model, whoever may see it."""

        async def read() -> Model | None:
            rows = await self._database.fetch(GET_MODEL, {"owner": owner, "name": name})
            return _model(rows[0]) if rows else None

        return await self._recent.ask(("model", owner, name), read)

    async def list_models(
        self,
        account: str,
        cursor: Cursor | None,
        limit: int,
        *,
        sort_by: str = "latest_version_created_at",
        oldest_first: bool = False,
    ) -> Page[Model]:
        """Public models, the account's own and its organizations'; sort_by: a key of LIST_MODELS."""
        keyset, given = LIST_MODELS[sort_by], {"account": account}
        return await read_page(
            self._database, keyset, given, _model, cursor, limit, oldest_first=oldest_first
        )

    async def update_model(self, owner: str, name: str, changes: Mapping[str, Any]) -> Model | None:
        """Set EDITABLE columns; None when there is no such model."""
        if unknown := changes.keys() - EDITABLE:
            raise ValueError(f"not editable: {sorted(unknown)}")
        this = {"owner": owner, "name": name}
        edits = [Statement(SET[column], {**this, "value": changes[column]}, guard=True) for column in changes]
        *_, rows = await self._database.write(*edits, Statement(GET_MODEL, this, guard=True))
        self._recent.forget()
        return _model(rows[0]) if rows else None

    async def delete_model(self, owner: str, name: str) -> bool:
        """Forget a private model without versions; False for any other."""
        given = {"owner": owner, "name": name, "model": f"{owner}/{name}"}
        (rows,) = await self._database.write(Statement(DELETE_MODEL, given, guard=True))
        self._recent.forget()
        return bool(rows)

    async def register_version(self, model: str, version: Version) -> Version:
        """Make version the model's latest; one that is there already is only made the latest again.

        Returns the version as it is stored. Raises NotFound without such a model.
        """
        stored = Statement(GET_VERSION, {"model": model, "id": version.id}, guard=True)
        with self.changing():
            _, _, rows = await self._database.write(*self.registration(replace(version, model=model)), stored)
        if not rows:
            raise NotFound(f"The model {model} does not exist")
        return _version(rows[0])

    def registration(self, version: Version) -> tuple[Statement, Statement]:
        """What makes version its model's latest; undone without such a model. To be written while `changing`."""
        latest = {**_this(version.model), "id": version.id, "created_at": version.created_at}
        return Statement(ADD_VERSION, _version_row(version)), Statement(SET_LATEST, latest, guard=True)

    def changing(self) -> AbstractContextManager[None]:
        """What is asked for meanwhile is read, not remembered."""
        return self._recent.changing()

    def forget(self) -> None:
        """Read again what is asked for next."""
        self._recent.forget()

    async def get_version(self, model: str, version_id: str) -> Version | None:
        """The version of a model, whoever may see it."""

        async def read() -> Version | None:
            rows = await self._database.fetch(GET_VERSION, {"model": model, "id": version_id})
            return _version(rows[0]) if rows else None

        return await self._recent.ask(("version", model, version_id), read)

    async def find_version(self, version_id: str, account: str) -> Version | None:
        """The version of this id that the account may know of.

        Where several models have it: its own first, then public ones, which whoever may run something may run, then
        those of its organizations; of these the one that had it first.
        """

        async def read() -> Version | None:
            rows = await self._database.fetch(FIND_VERSION, {"id": version_id, "account": account})
            return _version(rows[0]) if rows else None

        return await self._recent.ask(("find", version_id, account), read)

    def input_schema(self, version: Version, kind: str = "prediction") -> InputSchema:
        """The version's compiled input schema for a kind of prediction. A version never changes: this is made once."""
        key = (kind, version.model, version.id)
        found: InputSchema | None = self._schemas.get(key)
        if found is None:
            found = InputSchema.compile(
                version.openapi_schema, "TrainingInput" if kind == "training" else "Input"
            )
            self._schemas.put(key, found)
        return found

    def output_kind(self, version: Version, kind: str = "prediction") -> OutputKind:
        """How the version gives its output; read once from its document. A training gives its own at the end."""
        if kind == "training":
            return OutputKind(iterator=False, concatenate=False, has_files=True)
        key = ("output", version.model, version.id)
        found: OutputKind | None = self._schemas.get(key)
        if found is None:
            found = OutputKind.of(version.openapi_schema)
            self._schemas.put(key, found)
        return found

    async def weights(self) -> set[str]:
        """Keys of the weights that versions are made of."""
        return {row["weights"] for row in await self._database.fetch(WEIGHTS)}

    async def referenced(self) -> tuple[set[str], set[str]]:
        """The sources and the environments that versions are made of."""
        rows = await self._database.fetch("SELECT source, environment FROM versions")
        return {row["source"] for row in rows}, {row["environment"] for row in rows}

    async def warm(self) -> list[Model]:
        """Models of which an instance is to be kept at all times."""
        return [_model(row) for row in await self._database.fetch(WARM)]

    async def list_versions(self, model: str, cursor: Cursor | None, limit: int) -> Page[Version]:
        """The model's versions, newest first."""
        return await read_page(self._database, LIST_VERSIONS, {"model": model}, _version, cursor, limit)

    async def needed_by_others(self, model: str, version_id: str) -> str | None:
        """Why a version is not only its owner's: "training" (it was trained from) or "run" (others ran it)."""
        given = {"model": model, "id": version_id, "owner": model.partition("/")[0]}
        rows = await self._database.fetch(NEEDED_BY_OTHERS, given)
        return str(rows[0]["why"]) if rows else None

    async def delete_version(self, model: str, version_id: str) -> bool:
        """Forget a version that no unfinished prediction and no deployment needs; the newest one left is the latest."""
        given = {**_this(model), "model": model, "id": version_id, "queue": f"{model}:{version_id}"}
        rows, _ = await self._database.write(
            Statement(DELETE_VERSION, given, guard=True), Statement(FALL_BACK, given)
        )
        self._recent.forget()
        return bool(rows)


def _this(model: str) -> dict[str, Any]:
    owner, _, name = model.partition("/")
    return {"owner": owner, "name": name}


def _model(row: Row) -> Model:
    return Model(**{c: row[c] for c in _MODEL_COLUMNS})


def _version_row(version: Version) -> dict[str, Any]:
    row = {c: getattr(version, c) for c in _VERSION_COLUMNS}
    row["openapi_schema"] = msgspec.json.encode(version.openapi_schema).decode()
    row["env"] = msgspec.json.encode(version.env).decode()
    return {**row, "gpu": int(version.gpu)}


def _version(row: Row) -> Version:
    given = {c: row[c] for c in _VERSION_COLUMNS}
    given["openapi_schema"] = msgspec.json.decode(given["openapi_schema"])
    given["env"] = msgspec.json.decode(given["env"])
    return Version(**{**given, "gpu": bool(given["gpu"])})
