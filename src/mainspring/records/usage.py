"""What was used, added up; and what a run of a model takes, going by those before."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from mainspring.core.ids import rfc3339
from mainspring.database import Database
from mainspring.records.metering import COLUMNS, Usage
from mainspring.records.recent import Recent

# What usage can be told by, and the column or expression that says it.
BY = {
    "day": "substr(at, 1, 10)",
    "model": "model",
    "token": "coalesce(token, '')",
    "deployment": "coalesce(deployment, '')",
    "hardware": "coalesce(hardware, '')",
}
_SAMPLES = 200

OF_RUN = f"SELECT {', '.join(COLUMNS)} FROM usage WHERE id = :id"
_SUMS = (
    "setup_us",
    "idle_us",
    "active_us",
    "lost_us",
    "amount",
    "list_amount",
    "input_tokens",
    "output_tokens",
    "images",
)
SUM = f"""
    SELECT {{key}} AS key, coalesce(sum(kind <> 'instance'), 0) AS runs,
        {", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in _SUMS)}
    FROM usage WHERE account = :account AND at >= :since AND at < :until GROUP BY 1 ORDER BY {{order}}"""
LATELY = f"""
    SELECT active_us FROM usage WHERE model = :model AND kind = 'prediction' AND status = 'succeeded'
    AND instance_id IS NOT NULL
    ORDER BY id DESC LIMIT {_SAMPLES}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What was used under one key. runs: predictions and trainings. Spans in microseconds, amounts in micro-dollars."""

    key: str
    runs: int
    setup_us: int
    idle_us: int
    active_us: int
    lost_us: int
    amount: int
    list_amount: int
    input_tokens: int
    output_tokens: int
    images: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long runs of a model took lately, in microseconds: the median, and what 95 of 100 do not exceed.

    samples: how many runs that goes by; with none, both are 0.
    """

    samples: int
    p50_us: int
    p95_us: int


class UsageBook:
    """The usage of the ledger."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent(ttl_s=5.0)

    async def of_run(self, prediction_id: str) -> Usage | None:
        """What a prediction or a training used; None until it has ended."""
        row = await self._database.fetch_one(OF_RUN, {"id": prediction_id})
        return Usage(**{c: row[c] for c in COLUMNS}) if row else None

    async def sums(self, account: str, by: str | None, since: datetime, until: datetime) -> list[Sum]:
        """What an account used from since until before until, by a key of BY: days in order, else the dearest first.

        Without `by`, it is all under one key.
        """
        given = {"account": account, "since": rfc3339(since), "until": rfc3339(until)}
        order = "key" if by == "day" else "amount DESC, list_amount DESC, active_us DESC, key"
        sql = SUM.format(key=BY[by] if by else "'total'", order=order)
        rows = await self._database.fetch(sql, given)
        return [Sum(**{f.name: row[f.name] for f in fields(Sum)}) for row in rows]

    async def estimate(self, model: str) -> Estimate:
        """What runs of a model take; remembered for some seconds."""
        known: Estimate | None = self._recent.get(model)
        if known is None:
            rows = await self._database.fetch(LATELY, {"model": model})
            known = _estimate(sorted(row["active_us"] for row in rows))
            self._recent.put(model, known)
        return known


def _estimate(took: list[int]) -> Estimate:
    if not took:
        return Estimate(0, 0, 0)
    last = len(took) - 1
    return Estimate(len(took), took[last // 2], took[-(-last * 95 // 100)])
