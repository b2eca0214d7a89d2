"""Collections: models that an operator put together, under a slug."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from mainspring.core.shapes import CollectionBody
from mainspring.database import Database, Statement
from mainspring.records.catalog import VISIBLE, Model
from mainspring.records.pages import Cursor, Keyset, Page, read_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection. full_description is Markdown; created_at RFC 3339."""

    slug: str
    name: str
    description: str
    full_description: str | None
    created_at: str


_COLUMNS = tuple(f.name for f in fields(Collection))
_ALL = ", ".join(_COLUMNS)
_MODEL = ", ".join(f"m.{f.name}" for f in fields(Model))

PUT = f"""
    INSERT INTO collections ({_ALL}) VALUES ({", ".join(":" + c for c in _COLUMNS)})
    ON CONFLICT (slug) DO UPDATE SET
        name = excluded.name, description = excluded.description, full_description = excluded.full_description
    RETURNING {_ALL}"""
CLEAR = "DELETE FROM collection_models WHERE collection = :collection"
ADD = "INSERT INTO collection_models (collection, model, position) VALUES (:collection, :model, :position)"
GET = f"SELECT {_ALL} FROM collections WHERE slug = :slug"
LIST = Keyset.of(_ALL, "FROM collections WHERE 1", at="created_at", key="slug")
DELETE = "DELETE FROM collections WHERE slug = :slug RETURNING slug"
MODELS = f"""
    SELECT {_MODEL} FROM collection_models c
    JOIN models m ON m.owner = substr(c.model, 1, instr(c.model, '/') - 1)
        AND m.name = substr(c.model, instr(c.model, '/') + 1)
    WHERE c.collection = :slug AND {VISIBLE} ORDER BY c.position"""


class Collections:
    """The collections of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, slug: str, wanted: CollectionBody, now: str) -> Collection:
        """Make a collection, or replace the one of this slug but for its age."""
        collection = Collection(
            slug=slug,
            name=wanted.name,
            description=wanted.description,
            full_description=wanted.full_description,
            created_at=now,
        )
        rows, *_ = await self._database.write(
            Statement(PUT, asdict(collection)),
            Statement(CLEAR, {"collection": slug}),
            *(
                Statement(ADD, {"collection": slug, "model": model, "position": position})
                for position, model in enumerate(dict.fromkeys(wanted.models))
            ),
        )
        return Collection(**rows[0])

    async def get(self, slug: str) -> Collection | None:
        """The collection, if there is one."""
        rows = await self._database.fetch(GET, {"slug": slug})
        return Collection(**rows[0]) if rows else None

    async def list(self, cursor: Cursor | None, limit: int) -> Page[Collection]:
        """All of them, newest first."""
        return await read_page(
            self._database, LIST, {}, lambda row: Collection(**{c: row[c] for c in _COLUMNS}), cursor, limit
        )

    async def models(self, slug: str, account: str) -> Sequence[Model]:
        """Its models that there are and that the account may see, in its order."""
        rows = await self._database.fetch(MODELS, {"slug": slug, "account": account})
        return [Model(**row) for row in rows]

    async def delete(self, slug: str) -> bool:
        """Forget a collection, not its models; False when there is none."""
        (rows,) = await self._database.write(Statement(DELETE, {"slug": slug}, guard=True))
        return bool(rows)
