"""What helps people to find models: search, collections, examples."""

from __future__ import annotations

from mainspring.database import Database
from mainspring.records.collections import Collections
from mainspring.records.examples import Examples
from mainspring.records.search import Search


class Discovery:
    """The parts of the ledger that models are found by."""

    def __init__(self, database: Database) -> None:
        self.search = Search(database)
        self.collections = Collections(database)
        self.examples = Examples(database)
