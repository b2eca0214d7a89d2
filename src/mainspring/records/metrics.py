"""What became of a model's or a deployment's predictions, bucket by bucket, and how its instances came up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.core.ids import rfc3339
from mainspring.database import Database, Row


def _seconds(column: str) -> str:
    """A time of the ledger as seconds; SQLite's own arithmetic rounds to milliseconds."""
    return f"(strftime('%s', substr({column}, 1, 19)) + substr({column}, 21, 6) / 1e6)"


ENDED = f"""
    WITH ended AS (
        SELECT CAST(({_seconds("completed_at")} - :since_s) / :bucket_s AS INTEGER) AS bucket, status,
            status = 'succeeded' AND started_at IS NOT NULL AS done, started_at IS NOT NULL AS begun,
            {_seconds("completed_at")} - {_seconds("started_at")} AS ran,
            {_seconds("started_at")} - {_seconds("created_at")} AS waited
        FROM predictions WHERE {{whose}} AND completed_at IS NOT NULL AND completed_at >= :since
            AND completed_at < :until),
    ranked AS (
        SELECT *, row_number() OVER (PARTITION BY bucket, done ORDER BY ran) AS ran_rank,
            count(*) OVER (PARTITION BY bucket, done) AS ran_of,
            row_number() OVER (PARTITION BY bucket, begun ORDER BY waited) AS waited_rank,
            count(*) OVER (PARTITION BY bucket, begun) AS waited_of
        FROM ended)
    SELECT bucket, count(*) AS runs, sum(status = 'failed') AS failed,
        min(CASE WHEN done AND ran_rank >= 0.5 * ran_of THEN ran END) AS run_p50,
        min(CASE WHEN done AND ran_rank >= 0.95 * ran_of THEN ran END) AS run_p95,
        min(CASE WHEN begun AND waited_rank >= 0.5 * waited_of THEN waited END) AS wait_p50,
        min(CASE WHEN begun AND waited_rank >= 0.95 * waited_of THEN waited END) AS wait_p95
    FROM ranked GROUP BY bucket ORDER BY bucket"""
BOOTS = f"""
    SELECT CAST(({_seconds("created_at")} - :since_s) / :bucket_s AS INTEGER) AS bucket, count(*) AS boots,
        sum(fault IS NOT NULL) AS failed, avg({_seconds("ready_at")} - {_seconds("created_at")}) AS took
    FROM instances WHERE {{whose}} AND created_at >= :since AND created_at < :until GROUP BY bucket"""
_OF_MODEL = "model = :model AND kind = 'prediction'"
_OF_DEPLOYMENT = "deployment = :deployment AND deployment IS NOT NULL"
MODEL_ENDED, DEPLOYMENT_ENDED = ENDED.format(whose=_OF_MODEL), ENDED.format(whose=_OF_DEPLOYMENT)
MODEL_BOOTS = BOOTS.format(whose="model = :model AND instr(queue, '!') = 0")
DEPLOYMENT_BOOTS = BOOTS.format(whose="instr(queue, '@' || :deployment || '#') > 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Predictions that ended and instances that began to boot in a stretch of time. Durations are in seconds.

    run: of those that ran and succeeded, wait: of those that began; by nearest rank, None without any. boot: mean of
    those that became ready.
    """

    runs: int = 0
    failed: int = 0
    run_p50: float | None = None
    run_p95: float | None = None
    wait_p50: float | None = None
    wait_p95: float | None = None
    boots: int = 0
    boots_failed: int = 0
    boot: float | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Buckets of equal length; the last one is under way."""

    since: datetime
    bucket_s: int
    count: int

    @classmethod
    def until(cls, now: datetime, bucket_s: int, count: int) -> Span:
        """The buckets up to now, on round times."""
        last = now.timestamp() // bucket_s * bucket_s
        since = datetime.fromtimestamp(last, now.tzinfo) - timedelta(seconds=bucket_s * (count - 1))
        return cls(since, bucket_s, count)

    def starts(self) -> list[str]:
        """When each bucket begins."""
        return [rfc3339(self.since + timedelta(seconds=self.bucket_s * n)) for n in range(self.count)]

    def whole(self) -> Span:
        """All of it as one bucket."""
        return Span(self.since, self.bucket_s * self.count, 1)


class Metrics:
    """The figures of the ledger. A model and a deployment are owner/name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_model(self, model: str, span: Span) -> list[Figures]:
        """One for each bucket of the span; trainings don't count."""
        return await self._read(MODEL_ENDED, MODEL_BOOTS, {"model": model}, span)

    async def of_deployment(self, deployment: str, span: Span) -> list[Figures]:
        """One for each bucket of the span, whichever release it was."""
        return await self._read(DEPLOYMENT_ENDED, DEPLOYMENT_BOOTS, {"deployment": deployment}, span)

    async def _read(self, ended: str, boots: str, whose: dict[str, str], span: Span) -> list[Figures]:
        until = span.since + timedelta(seconds=span.bucket_s * span.count)
        given = {
            **whose,
            "since": rfc3339(span.since),
            "until": rfc3339(until),
            "since_s": span.since.timestamp(),
            "bucket_s": span.bucket_s,
        }
        return _figures(
            await self._database.fetch(ended, given), await self._database.fetch(boots, given), span.count
        )


def _figures(ended: Sequence[Row], boots: Sequence[Row], count: int) -> list[Figures]:
    found: list[dict[str, int | float]] = [{} for _ in range(count)]
    for row in ended:
        found[row["bucket"]] = {key: row[key] for key in tuple(row.keys()) if key != "bucket"}
    for row in boots:
        found[row["bucket"]] |= {"boots": row["boots"], "boots_failed": row["failed"], "boot": row["took"]}
    return [Figures(**one) for one in found]  # type: ignore[arg-type]
