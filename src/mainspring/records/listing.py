"""Which predictions are listed. Each kind of question has a statement of its own, so that an index answers it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mainspring.core.ids import first_id, parse_time
from mainspring.core.prediction import Prediction, Status
from mainspring.records.lines import IN_LINE
from mainspring.records.pages import Keyset

_COLUMNS = tuple(f.name for f in fields(Prediction))
_HEAVY = {"input": "'{}'", "secrets": "NULL", "output": "NULL", "logs": "''"}
# The words of partial indexes.
_UNHAPPY = "status IN ('failed', 'canceled', 'aborted')"
_LINED_UP = f"SELECT id FROM predictions WHERE {IN_LINE}"
_FOLLOWING = "SELECT id FROM predictions WHERE status = 'starting' AND follows IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list shall have; None is any. after (inclusive) and before (exclusive) are RFC 3339 times.

    kind: prediction or training; source: web or api; token: the id of the one that made it. brief: without input and
    logs, and without a prediction's output.
    """

    kind: str = "prediction"
    after: str | None = None
    before: str | None = None
    source: str | None = None
    status: Status | None = None
    model: str | None = None
    deployment: str | None = None
    token: str | None = None
    brief: bool = False

    def keyset(self) -> Keyset:
        """The statements, newest first."""
        return Keyset.of(_columns(self), f"FROM predictions WHERE {' AND '.join(_terms(self))}", "id", "id")

    def params(self) -> dict[str, str | None]:
        """Their values, beside the account. Ids sort by time, and are what the indexes end in."""
        return {
            "from_id": first_id(parse_time(self.after)) if self.after else None,
            "until_id": first_id(parse_time(self.before)) if self.before else None,
            "source": self.source,
            "status": self.status,
            "model": self.model,
            "deployment": self.deployment,
            "token": self.token,
        }


def _columns(wanted: Wanted) -> str:
    left_out = dict(_HEAVY) if wanted.brief else {}
    if wanted.kind == "training":
        left_out.pop("output", None)
    return ", ".join(f"{left_out[c]} AS {c}" if c in left_out else c for c in _COLUMNS)


def _terms(wanted: Wanted) -> list[str]:
    kind = "training" if wanted.kind == "training" else "prediction"
    terms = ["account = :account", f"kind = '{kind}'"]
    if wanted.after:
        terms.append("id >= :from_id")
    if wanted.before:
        terms.append("id < :until_id")
    if wanted.source:
        terms.append("source = 'web'" if wanted.source == "web" else "source = :source")
    if wanted.model:
        terms.append("model = :model")
    if wanted.deployment:
        terms.append("deployment = :deployment")
    if wanted.token:
        terms.append("token = :token")
    return terms + _of_status(wanted.status)


def _of_status(status: Status | None) -> list[str]:
    if status is None or status is Status.SUCCEEDED:
        return ["status = :status"] if status else []
    if status is Status.STARTING:
        return ["status = :status", f"(id IN ({_LINED_UP}) OR id IN ({_FOLLOWING}))"]
    if status is Status.PROCESSING:
        return ["status = :status", "id IN (SELECT id FROM predictions WHERE status = 'processing')"]
    return ["status = :status", _UNHAPPY]
