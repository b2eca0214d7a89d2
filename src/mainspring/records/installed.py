"""What was installed from the catalogue, and whose weights run."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mainspring.database import Database, Row, Statement
from mainspring.records.recent import Recent


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A model of the catalogue that is here.

    weights: directory that its instances read; None when a package brings them. weights_name: what they are called;
    own: whether they are the model's own. source: URL of the store that they were loaded from, if they were. example:
    prediction that was made to show the model. installed_at: RFC 3339.
    """

    model: str
    weights: str | None = None
    weights_name: str | None = None
    own: bool = True
    source: str | None = None
    example: str | None = None
    installed_at: str


_COLUMNS = tuple(f.name for f in fields(Installed))
_ALL = ", ".join(_COLUMNS)
_VALUES = ", ".join(":" + c for c in _COLUMNS)
PUT = f"""
    INSERT INTO installed ({_ALL}) VALUES ({_VALUES})
    ON CONFLICT (model) DO UPDATE SET weights = :weights, weights_name = :weights_name, own = :own, source = :source"""
SHOW = "UPDATE installed SET example = :prediction WHERE model = :model"
GET = f"SELECT {_ALL} FROM installed WHERE model = :model"
LIST = f"SELECT {_ALL} FROM installed ORDER BY model"
REMOVE = "DELETE FROM installed WHERE model = :model"
UNMEASURE = "DELETE FROM footprints WHERE model = :model"
# Instances that read other weights take no more work and go when their last prediction has ended.
RENEW = """
    UPDATE instances SET state = 'stopping', reason = 'other weights'
    WHERE model = :model AND state IN ('booting', 'ready')"""
RUN_BY = "UPDATE instances SET weights = :name WHERE id = :id"


class Installations:
    """The installed models of the ledger."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent(size=256)

    async def get(self, model: str) -> Installed | None:
        """owner/name as it was installed, if it was."""

        async def read() -> Installed | None:
            rows = await self._database.fetch(GET, {"model": model})
            return _installed(rows[0]) if rows else None

        return await self._recent.ask(model, read)

    async def list(self) -> list[Installed]:
        """All, by name."""
        return [_installed(row) for row in await self._database.fetch(LIST)]

    async def put(self, installed: Installed) -> None:
        """Note an installation. When its weights change, instances that read the old ones go; new ones are measured."""
        row = {c: getattr(installed, c) for c in _COLUMNS} | {"own": int(installed.own)}
        known = await self._database.fetch(GET, {"model": installed.model})
        before = _installed(known[0]) if known else None
        same = before is not None and _weights(before) == _weights(installed)
        renewed = [] if same else [Statement(sql, {"model": installed.model}) for sql in (RENEW, UNMEASURE)]
        await self._database.write(Statement(PUT, row), *renewed)
        self._recent.forget()

    async def remove(self, model: str) -> None:
        """Forget an installation."""
        await self._database.write(Statement(REMOVE, {"model": model}))
        self._recent.forget()

    async def show(self, model: str, prediction: str) -> None:
        """Note the prediction that was made to show the model."""
        await self._database.write(Statement(SHOW, {"model": model, "prediction": prediction}))
        self._recent.forget()

    async def run_by(self, instance_id: str, name: str) -> None:
        """Note what the weights of an instance are called; its predictions take that over when they start."""
        await self._database.write(Statement(RUN_BY, {"id": instance_id, "name": name}))


def _weights(installed: Installed) -> tuple[str | None, str | None]:
    return installed.weights, installed.weights_name


def _installed(row: Row) -> Installed:
    return Installed(**{**{c: row[c] for c in _COLUMNS}, "own": bool(row["own"])})
