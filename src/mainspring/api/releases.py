"""How deployments and their releases look to a client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from mainspring.api.census import Census, Now
from mainspring.api.context import Context
from mainspring.records.deployments import Deployment, Release
from mainspring.records.instances import Instance


class Configuration(msgspec.Struct):
    """What a release runs on."""

    hardware: str
    min_instances: int
    max_instances: int


class Creator(msgspec.Struct):
    """The account that asked for a release."""

    type: str
    username: str
    name: str
    github_url: str | UnsetType = UNSET


class CurrentRelease(msgspec.Struct):
    """Replicate's release object: what was asked for last and was not rolled back."""

    number: int
    model: str
    version: str
    created_at: str
    created_by: Creator
    configuration: Configuration


class Rollout(msgspec.Struct):
    """Ours: where the deployment stands.

    state: live, booting (the current release boots while serving_release takes predictions), disabled, or
    rolled_back (the newest release, failed_release, failed to get ready because of error).
    """

    state: str
    serving_release: int
    failed_release: int | None = None
    error: str | None = None


class DeploymentReply(msgspec.Struct):
    """Replicate's deployment object, and our `rollout` and `now`."""

    owner: str
    name: str
    current_release: CurrentRelease
    rollout: Rollout
    now: Now


class InstanceCount(msgspec.Struct):
    """How many instances there are of a release."""

    booting: int
    ready: int


class ReleaseReply(msgspec.Struct):
    """One release, with what became of it.

    state: booting, live, disabled, retired, superseded or failed. error and logs: of the setup that failed last, while
    that is what matters. shares: the release whose instances it uses.
    """

    number: int
    model: str
    version: str
    created_at: str
    created_by: Creator
    configuration: Configuration
    state: str
    instances: InstanceCount
    live_at: str | None
    ended_at: str | None
    shares: int | UnsetType = UNSET
    error: str | None = None
    logs: str | None = None


class ReleasesReply(msgspec.Struct):
    """The newest releases, newest first."""

    results: list[ReleaseReply]


async def render(ctx: Context, deployment: Deployment, census: Census) -> DeploymentReply:
    """The reply for a deployment."""
    current = deployment.current
    return DeploymentReply(
        owner=deployment.owner,
        name=deployment.name,
        current_release=CurrentRelease(
            number=current.number,
            model=current.model,
            version=current.version,
            created_at=current.created_at,
            created_by=await _creator(ctx, current),
            configuration=_configuration(current),
        ),
        rollout=await _rollout(ctx, deployment),
        now=census.of_deployment(deployment.full_name),
    )


async def render_release(
    ctx: Context, deployment: Deployment, release: Release, live: Sequence[Instance]
) -> ReleaseReply:
    """The reply for one release. live: every instance that has not ended."""
    state, queue = deployment.state_of(release), str(release.queue)
    mine = Counter(i.state for i in live if i.queue == queue) if state in ("live", "booting") else Counter()
    error, logs = release.error, release.logs
    if state == "live" and not mine["ready"] and (failed := await ctx.instances.fault(queue)):
        error, logs = failed.fault, failed.setup_logs
    return ReleaseReply(
        number=release.number,
        model=release.model,
        version=release.version,
        created_at=release.created_at,
        created_by=await _creator(ctx, release),
        configuration=_configuration(release),
        state=state,
        instances=InstanceCount(mine["booting"], mine["ready"]),
        live_at=release.live_at,
        ended_at=release.ended_at,
        shares=release.line if release.line != release.number else UNSET,
        error=error,
        logs=logs,
    )


async def _rollout(ctx: Context, deployment: Deployment) -> Rollout:
    live = deployment.live
    state = "booting" if deployment.rolling else deployment.state_of(live)
    if deployment.newest == deployment.current.number:
        return Rollout(state, live.number)
    (newest,) = await ctx.deployments.releases(deployment.full_name, 1)
    return Rollout("rolled_back", live.number, newest.number, newest.error)


async def _creator(ctx: Context, release: Release) -> Creator:
    account = await ctx.accounts.get(release.created_by)
    if account is None:
        return Creator("user", release.created_by, release.created_by)
    return Creator(account.type, account.username, account.name)


def _configuration(release: Release) -> Configuration:
    return Configuration(release.hardware, release.min_instances, release.max_instances)
