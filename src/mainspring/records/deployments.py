"""Deployments and their releases. `deployment` as one text is owner/name.

A release is booting while it is current but not live, live, or over: retired when it once was live, superseded when
another was asked for first, failed when it was rolled back. Each change is one guarded transaction on the row of the
deployment: whoever read other numbers than there are changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from mainspring.core.errors import Conflict
from mainspring.core.queue import Queue
from mainspring.database import Database, Row, Statement
from mainspring.records.pages import Cursor, Keyset, Page, read_page
from mainspring.records.recent import Recent


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a deployment runs, from one PATCH to the next. line: the release whose queue and instances it uses."""

    deployment: str
    number: int
    line: int
    model: str
    version: str
    hardware: str
    min_instances: int
    max_instances: int
    created_by: str
    created_at: str
    live_at: str | None = None
    ended_at: str | None = None
    error: str | None = None
    logs: str | None = None

    @property
    def queue(self) -> Queue:
        """The line that its predictions wait in."""
        return Queue(self.model, self.version, deployment=self.deployment, release=self.line)

    @property
    def disabled(self) -> bool:
        """Whether it may have no instance at all."""
        return self.max_instances == 0

    def runs_as(self, other: Release) -> bool:
        """Whether their instances are the same."""
        mine, theirs = ((r.model, r.version, r.hardware) for r in (self, other))
        return mine == theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment with the two releases that matter: current was asked for last, live takes predictions."""

    owner: str
    name: str
    created_at: str
    newest: int
    current: Release
    live: Release

    @property
    def full_name(self) -> str:
        """owner/name."""
        return f"{self.owner}/{self.name}"

    @property
    def rolling(self) -> bool:
        """Whether a release boots beside the live one."""
        return self.current.number != self.live.number

    def state_of(self, release: Release) -> str:
        """booting, live, disabled, retired, superseded or failed."""
        if release.number == self.live.number:
            return "disabled" if release.disabled else "live"
        if release.number == self.current.number:
            return "booting"
        if release.error is not None:
            return "failed"
        return "retired" if release.live_at is not None else "superseded"


_RELEASE = tuple(f.name for f in fields(Release))
_ALL = ", ".join(_RELEASE)
_JOINED = ", ".join(
    ["d.owner, d.name, d.created_at, d.newest"]
    + [f"{table}.{c} AS {table}_{c}" for table in ("c", "l") for c in _RELEASE]
)
_FROM = """
    FROM deployments d
    JOIN releases c ON c.deployment = d.owner || '/' || d.name AND c.number = d.current
    JOIN releases l ON l.deployment = d.owner || '/' || d.name AND l.number = d.live"""
_THIS = "owner = :owner AND name = :name"

GET = f"SELECT {_JOINED} {_FROM} WHERE d.owner = :owner AND d.name = :name"
EVERY = f"SELECT {_JOINED} {_FROM}"
LIST = Keyset.of(_JOINED, f"{_FROM} WHERE d.owner = :owner", at="d.created_at", key="d.name")
CREATE = f"""
    INSERT INTO deployments (owner, name, created_at, newest, current, live)
    SELECT :owner, :name, :created_at, 1, 1, 1
    WHERE EXISTS (SELECT 1 FROM versions WHERE model = :model AND id = :version)
    AND NOT EXISTS (SELECT 1 FROM deployments WHERE {_THIS}) RETURNING name"""
ADD_RELEASE = f"""
    INSERT INTO releases ({_ALL}) SELECT {", ".join(":" + c for c in _RELEASE)}
    WHERE EXISTS (SELECT 1 FROM versions WHERE model = :model AND id = :version) RETURNING number"""
MOVE = f"""
    UPDATE deployments SET newest = :newest, current = :current, live = :live
    WHERE {_THIS} AND newest = :was_newest AND current = :was_current AND live = :was_live RETURNING name"""
BEGIN = "UPDATE releases SET live_at = :now WHERE deployment = :deployment AND number = :number"
END = """
    UPDATE releases SET ended_at = :now, error = :error, logs = :logs
    WHERE deployment = :deployment AND number = :number AND ended_at IS NULL"""
RELEASES = f"SELECT {_ALL} FROM releases WHERE deployment = :deployment ORDER BY number DESC LIMIT :limit"
LINE = f"""
    SELECT {_ALL} FROM releases WHERE deployment = :deployment AND line = :line AND live_at IS NOT NULL
    ORDER BY number DESC LIMIT 1"""
DELETE = f"""
    DELETE FROM deployments WHERE {_THIS}
    AND NOT EXISTS (SELECT 1 FROM instances WHERE state <> 'ended' AND instr(queue, :mark) > 0)
    AND NOT EXISTS (SELECT 1 FROM predictions WHERE deployment = :deployment
        AND (completed_at IS NULL OR completed_at > :since)) RETURNING name"""
FORGET = "DELETE FROM releases WHERE deployment = :deployment"
UNFINISHED = """
    SELECT id FROM predictions WHERE deployment = :deployment AND status IN ('starting', 'processing')
    AND cancel_requested_at IS NULL ORDER BY id"""


class Deployments:
    """The deployments of the ledger. One that was asked for is remembered for a second."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent(size=256)

    async def create(
        self, owner: str, name: str, release: Release, also: Sequence[Statement] = ()
    ) -> Deployment | None:
        """A new deployment whose first release is live at once; None when the version is gone.

        also: guarded statements of the same transaction. Raises Conflict when the owner has one of that name.
        """
        first = replace(release, number=1, line=1, live_at=release.created_at)
        given = {**_row(first), "owner": owner, "name": name}
        *_, made, _ = await self._database.write(
            *also, Statement(CREATE, given, guard=True), Statement(ADD_RELEASE, given, guard=True)
        )
        self._recent.forget()
        found = await self.get(owner, name)
        if not made and found is not None:
            raise Conflict("A deployment with that name and owner already exists")
        return found

    async def get(self, owner: str, name: str) -> Deployment | None:
        """The deployment, whoever's it is."""

        async def read() -> Deployment | None:
            row = await self._database.fetch_one(GET, {"owner": owner, "name": name})
            return _deployment(row) if row else None

        return await self._recent.ask((owner, name), read)

    async def list(self, owner: str, cursor: Cursor | None, limit: int) -> Page[Deployment]:
        """The account's deployments, newest first."""
        return await read_page(self._database, LIST, {"owner": owner}, _deployment, cursor, limit)

    async def every(self) -> Sequence[Deployment]:
        """All deployments of all accounts."""
        return [_deployment(row) for row in await self._database.fetch(EVERY)]

    async def release(self, deployment: Deployment, asked: Release) -> bool:
        """Make what is asked the current release, numbered one more than the newest.

        It is live at once when no other instances are needed than those of the live one, or when the live one or it is
        disabled. False when the deployment is not as it was read, or the version is gone: nothing has changed then.
        """
        live, number = deployment.live, deployment.newest + 1
        shared = asked.runs_as(live)
        line = live.line if shared else self._line(deployment, asked, number)
        at_once = shared or live.disabled or asked.disabled
        new = replace(asked, number=number, line=line, live_at=asked.created_at if at_once else None)
        current = {deployment.current.number}
        over = current | {live.number} if at_once else current - {live.number}
        ended = [_ended(deployment, each, asked.created_at) for each in sorted(over)]
        moved, added, *_ = await self._database.write(
            _move(deployment, newest=number, current=number, live=number if at_once else live.number),
            Statement(ADD_RELEASE, _row(new), guard=True),
            *ended,
        )
        self._recent.forget()
        return bool(moved and added)

    @staticmethod
    def _line(deployment: Deployment, asked: Release, number: int) -> int:
        """Instances that boot already for the same are taken over."""
        current = deployment.current
        return current.line if deployment.rolling and asked.runs_as(current) else number

    async def take_over(self, deployment: Deployment, now: str) -> bool:
        """The current release is live from now on; False when somebody decided otherwise."""
        current, live = deployment.current.number, deployment.live.number
        given = {"deployment": deployment.full_name, "number": current, "now": now}
        moved, *_ = await self._database.write(
            _move(deployment, newest=deployment.newest, current=current, live=current),
            Statement(BEGIN, given),
            _ended(deployment, live, now),
        )
        self._recent.forget()
        return bool(moved)

    async def roll_back(self, deployment: Deployment, error: str, logs: str, now: str) -> bool:
        """The live release is the current one again, and the other says why; False when somebody decided otherwise."""
        moved, *_ = await self._database.write(
            _move(
                deployment,
                newest=deployment.newest,
                current=deployment.live.number,
                live=deployment.live.number,
            ),
            _ended(deployment, deployment.current.number, now, error, logs),
        )
        self._recent.forget()
        return bool(moved)

    async def releases(self, deployment: str, limit: int) -> Sequence[Release]:
        """The newest releases, newest first."""
        rows = await self._database.fetch(RELEASES, {"deployment": deployment, "limit": limit})
        return [_release(row) for row in rows]

    async def was_live(self, deployment: str, line: int) -> Release | None:
        """The newest release that took predictions in this line; None without one."""
        return await self._recent.ask((deployment, line), lambda: self._was_live(deployment, line))

    async def _was_live(self, deployment: str, line: int) -> Release | None:
        row = await self._database.fetch_one(LINE, {"deployment": deployment, "line": line})
        return _release(row) if row else None

    async def delete(self, deployment: Deployment, since: str) -> bool:
        """Forget one without instances, and without predictions that had not ended at `since`."""
        full_name = deployment.full_name
        given = {**_this(deployment), "deployment": full_name, "mark": f"@{full_name}#", "since": since}
        gone, _ = await self._database.write(
            Statement(DELETE, given, guard=True), Statement(FORGET, {"deployment": full_name})
        )
        self._recent.forget()
        return bool(gone)

    async def unfinished(self, deployment: str) -> Sequence[str]:
        """Ids of its predictions that have not ended and were not asked to."""
        rows = await self._database.fetch(UNFINISHED, {"deployment": deployment})
        return [row["id"] for row in rows]


def _this(deployment: Deployment) -> dict[str, Any]:
    return {"owner": deployment.owner, "name": deployment.name}


def _row(release: Release) -> dict[str, Any]:
    return {c: getattr(release, c) for c in _RELEASE}


def _move(was: Deployment, **to: int) -> Statement:
    numbers = {"was_newest": was.newest, "was_current": was.current.number, "was_live": was.live.number}
    return Statement(MOVE, {**_this(was), **numbers, **to}, guard=True)


def _ended(
    deployment: Deployment, number: int, now: str, error: str | None = None, logs: str | None = None
) -> Statement:
    this = {"deployment": deployment.full_name, "number": number}
    return Statement(END, {**this, "now": now, "error": error, "logs": logs})


def _release(row: Row, prefix: str = "") -> Release:
    return Release(**{c: row[prefix + c] for c in _RELEASE})


def _deployment(row: Row) -> Deployment:
    return Deployment(
        owner=row["owner"],
        name=row["name"],
        created_at=row["created_at"],
        newest=row["newest"],
        current=_release(row, "c_"),
        live=_release(row, "l_"),
    )
