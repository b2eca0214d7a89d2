"""What was used, added up; and what a run of a model takes, going by those before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from mainspring.core.ids import rfc3339
from mainspring.database import Database, Row
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

# No index leads by account to the few that have not ended: those of who waits and who runs are short.
_COUNT = "SELECT count(*) FROM predictions WHERE status = '{status}' AND account || '' = :account"
_STARTING, _PROCESSING = _COUNT.format(status="starting"), _COUNT.format(status="processing")
UNFINISHED = f"SELECT ({_STARTING}) AS starting, ({_PROCESSING}) AS processing"
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
    SELECT {{key}} AS key, coalesce(sum(CASE WHEN kind <> 'instance' THEN 1 ELSE 0 END), 0) AS runs,
        coalesce(sum(CASE WHEN status = 'failed' THEN 1 ELSE 0 END), 0) AS failed,
        {", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in _SUMS)}
    FROM usage WHERE account = :account AND at >= :since AND at < :until GROUP BY 1 ORDER BY {{order}}"""
LATELY = f"""
    SELECT active_us, setup_us + active_us AS paid_us FROM usage
    WHERE model = :model AND {{deployment}} AND kind = 'prediction' AND status = 'succeeded' AND instance_id IS NOT NULL
    ORDER BY id DESC LIMIT {_SAMPLES}"""
OF_MODEL = LATELY.format(deployment="deployment IS NULL")
OF_DEPLOYMENT = LATELY.format(deployment="deployment = :deployment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What was used under one key, in microseconds and micro-dollars.

    runs: predictions and trainings; failed: how many of these.
    """

    key: str
    runs: int
    failed: int
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
class Unfinished:
    """How many predictions and trainings wait, and how many run."""

    starting: int
    processing: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long runs took lately, in microseconds: the median, and what 95 of 100 do not exceed.

    paid_: the same for what they paid for by their own doing, which is setup too on dedicated instances. Idle time is
    left out: whoever comes next pays for it, and it has passed already. samples: how many runs that goes by; with
    none, all others are 0.
    """

    samples: int
    p50_us: int
    p95_us: int
    paid_p50_us: int
    paid_p95_us: int


_UNKNOWN = Estimate(0, 0, 0, 0, 0)


def total(sums: Sequence[Sum]) -> Sum:
    """All of them under one key."""
    names = [f.name for f in fields(Sum) if f.name != "key"]
    return Sum(key="total", **{name: sum(getattr(one, name) for one in sums) for name in names})


class UsageBook:
    """The usage of the ledger."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent(ttl_s=5.0)

    async def of_run(self, prediction_id: str) -> Usage | None:
        """What a prediction or a training used; None until it has ended."""
        row = await self._database.fetch_one(OF_RUN, {"id": prediction_id})
        return Usage(**{c: row[c] for c in COLUMNS}) if row else None

    async def sums(self, account: str, by: str, since: datetime, until: datetime) -> list[Sum]:
        """What an account used from since until before until, by a key of BY: days in order, else the dearest first."""
        given = {"account": account, "since": rfc3339(since), "until": rfc3339(until)}
        order = "key" if by == "day" else "amount DESC, list_amount DESC, active_us DESC, key"
        rows = await self._database.fetch(SUM.format(key=BY[by], order=order), given)
        return [Sum(**{f.name: row[f.name] for f in fields(Sum)}) for row in rows]

    async def unfinished(self, account: str) -> Unfinished:
        """What of an account waits and runs at this moment."""
        (row,) = await self._database.fetch(UNFINISHED, {"account": account})
        return Unfinished(row["starting"], row["processing"])

    async def estimate(self, model: str, deployment: str | None = None) -> Estimate:
        """What runs take; remembered for some seconds. A deployment without runs goes by its model's."""
        known: Estimate | None = self._recent.get((model, deployment))
        if known is None:
            known = await self._estimate(model, deployment)
            self._recent.put((model, deployment), known)
        return known

    async def _estimate(self, model: str, deployment: str | None) -> Estimate:
        if deployment is None:
            return _estimate(await self._database.fetch(OF_MODEL, {"model": model}))
        rows = await self._database.fetch(OF_DEPLOYMENT, {"model": model, "deployment": deployment})
        return _estimate(rows) if rows else await self.estimate(model)


def _estimate(rows: Sequence[Row]) -> Estimate:
    if not rows:
        return _UNKNOWN
    return Estimate(
        len(rows), *_marks([row["active_us"] for row in rows]), *_marks([row["paid_us"] for row in rows])
    )


def _marks(spans: Sequence[int]) -> tuple[int, int]:
    """The median and the 95th percentile."""
    took, last = sorted(spans), len(spans) - 1
    return took[last // 2], took[-(-last * 95 // 100)]
