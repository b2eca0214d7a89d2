"""Full-text search over models and collections, by the ledger's own index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from mainspring.database import Database
from mainspring.records.catalog import VISIBLE, Model
from mainspring.records.collections import Collection

_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 32
_LONGEST_WORD = 64
_MODEL = ", ".join(f"m.{f.name}" for f in fields(Model))
_COLLECTION = ", ".join(f"c.{f.name}" for f in fields(Collection))

MODELS = f"""
    SELECT {_MODEL}, bm25(model_words, 4.0, 10.0, 5.0, 1.0) AS rank
    FROM model_words w JOIN models m ON m.owner = w.owner AND m.name = w.name
    WHERE model_words MATCH :words AND {VISIBLE}
    ORDER BY rank, m.run_count DESC, m.owner, m.name LIMIT :limit"""
COLLECTIONS = f"""
    SELECT {_COLLECTION} FROM collection_words w JOIN collections c ON c.slug = w.slug
    WHERE collection_words MATCH :words
    ORDER BY bm25(collection_words, 4.0, 10.0, 5.0, 1.0), c.slug LIMIT :limit"""


@dataclass(frozen=True, slots=True)
class Found:
    """A model that a search found. score: above 0, more is better, comparable within one search."""

    model: Model
    score: float


class Search:
    """Looks things up by words: those that have more of them, in better places, come first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def models(self, text: str, account: str, limit: int) -> Sequence[Found]:
        """Public models and the account's own."""
        words = _match(text)
        if not words:
            return []
        given = {"words": words, "account": account, "limit": limit}
        rows = await self._database.fetch(MODELS, given)
        return [
            Found(Model(**{f.name: row[f.name] for f in fields(Model)}), round(-row["rank"], 6))
            for row in rows
        ]

    async def collections(self, text: str, limit: int) -> Sequence[Collection]:
        """Collections, whatever models are in them."""
        words = _match(text)
        if not words:
            return []
        rows = await self._database.fetch(COLLECTIONS, {"words": words, "limit": limit})
        return [Collection(**{f.name: row[f.name] for f in fields(Collection)}) for row in rows]


def words_of(text: str) -> list[str]:
    """The words of a text, lower-case, in order; the most that a search takes."""
    return [word[:_LONGEST_WORD] for word in _WORD.findall(text.lower())[:_MOST_WORDS]]


def _match(text: str) -> str:
    """The index's expression for: any of these words, or one that begins so."""
    return " OR ".join(f'"{word}"*' for word in words_of(text))
