"""Fleet: the instances, what this machine has for them, and what waits for them. Ours.

The account of the settings, who operates the platform, sees all; others what belongs to their models and
deployments.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate, is_operator, require
from mainspring.api.context import Context, context
from mainspring.api.operation import Operation
from mainspring.api.wire import reply
from mainspring.core.errors import NotFound
from mainspring.core.people import Scope
from mainspring.core.queue import Queue
from mainspring.launchers.gpus import Gpu
from mainspring.records.accounts import Caller
from mainspring.records.instances import Instance

_ENDED = 50


class Room(msgspec.Struct):
    """Bytes. reserved: set aside; used: measured last, null until then."""

    reserved: int
    used: int | None


class GpuRoom(msgspec.Struct):
    """Bytes on each of an instance's GPUs. reserved: null for all of it; used: the most on one, null when not known."""

    reserved: int | None
    used: int | None


class InstanceReply(msgspec.Struct):
    """One copy of a version.

    deployment: owner/name, with release, if its line is a deployment's; training: id, if it trains. state: booting,
    ready, stopping or ended; since: when it began to boot, got ready or ended. devices: indexes of its GPUs. slots:
    predictions at once, of which running are taken. cause: why it was booted; reason: why it goes or went; fault: why
    it never got ready, if that is the model's doing. setup_logs: only when it is asked for alone.
    """

    id: str
    model: str
    version: str
    deployment: str | None
    release: int | None
    training: str | None
    state: str
    since: str
    created_at: str
    ready_at: str | None
    last_used_at: str
    ended_at: str | None
    hardware: str
    cpus: float | None
    devices: list[int]
    memory: Room
    gpu_memory: GpuRoom | None
    slots: int
    running: int
    cause: str | None
    reason: str | None
    fault: str | None
    setup_logs: str | UnsetType = UNSET


class Cores(msgspec.Struct):
    """total; load: processes that want one, over the last minute; reserved by instances."""

    total: float
    load: float
    reserved: float


class MachineMemory(msgspec.Struct):
    """Bytes. for_models: what instances may have together; reserved: of it."""

    total: int
    available: int
    for_models: int
    reserved: int


class GpuReply(msgspec.Struct):
    """One GPU. Bytes; busy: share of time, 0 to 1; temperature in degrees Celsius; power in watts; null: not told."""

    index: int
    uuid: str
    name: str
    memory_total: int
    memory_used: int
    memory_reserved: int
    busy: float | None
    temperature: int | None
    power: float | None
    instances: list[str]


class MachineReply(msgspec.Struct):
    """This machine."""

    cpus: Cores
    memory: MachineMemory
    gpus: list[GpuReply]


class QueueReply(msgspec.Struct):
    """A line that predictions wait in; oldest: when its first was created."""

    model: str
    version: str
    deployment: str | None
    release: int | None
    training: str | None
    waiting: int
    oldest: str


class FleetReply(msgspec.Struct):
    """instances: oldest first; ended: the last fifty of a week, newest first; queues: the longest waiting first."""

    instances: list[InstanceReply]
    ended: list[InstanceReply]
    machine: MachineReply
    queues: list[QueueReply]


async def get(request: Request) -> Response:
    """GET /fleet."""
    caller, ctx = await authenticate(request), context(request)
    live = await ctx.instances.live()
    running = await ctx.predictions.running()
    queues = [
        QueueReply(**_line(queue), waiting=line.waiting, oldest=line.oldest)
        for queue, line in (await ctx.predictions.lines()).items()
        if _sees(ctx, caller, queue)
    ]
    mine = [i for i in live if _sees(ctx, caller, i.queue)]
    ended = [i for i in await ctx.instances.ended(_ENDED) if _sees(ctx, caller, i.queue)]
    return reply(
        FleetReply(
            instances=[_instance(i, running.get(i.id, 0)) for i in mine],
            ended=[_instance(i, 0) for i in ended],
            machine=await _machine(ctx, live, {i.id for i in mine}),
            queues=sorted(queues, key=lambda each: each.oldest),
        )
    )


async def get_instance(request: Request) -> Response:
    """GET /fleet/{instance_id}: with the logs of its setup."""
    _, found = await _found(request)
    return reply(await _alone(context(request), found))


async def stop(request: Request) -> Response:
    """POST /fleet/{instance_id}/stop: it takes nothing more, and ends when what it runs has."""
    (caller, found), ctx = await _found(request), context(request)
    _require(request, caller, found)
    if await ctx.instances.drain(found.id, "stopped by hand"):
        ctx.hints.hint("instances")
    now = await ctx.instances.get(found.id)
    return reply(await _alone(ctx, now or found))


async def _found(request: Request) -> tuple[Caller, Instance]:
    caller, ctx = await authenticate(request), context(request)
    found = await ctx.instances.get(request.path_params["instance_id"])
    if found is None or not _sees(ctx, caller, found.queue):
        raise NotFound
    return caller, found


def _require(request: Request, caller: Caller, instance: Instance) -> None:
    """Refuse whoever only looks on. Raises Forbidden."""
    if not is_operator(context(request), caller):
        owners = [owner for owner in _owners(instance.queue) if caller.role_in(owner)]
        if not any(caller.may(Scope.PUSH, owner) for owner in owners):
            require(request, caller, owners[0])


def _owners(queue: str) -> set[str]:
    line = Queue.parse(queue)
    return {path.partition("/")[0] for path in (line.model, line.deployment) if path is not None}


def _sees(ctx: Context, caller: Caller, queue: str) -> bool:
    return is_operator(ctx, caller) or any(caller.role_in(owner) for owner in _owners(queue))


async def _alone(ctx: Context, instance: Instance) -> InstanceReply:
    running = (await ctx.predictions.running()).get(instance.id, 0)
    return msgspec.structs.replace(_instance(instance, running), setup_logs=instance.setup_logs)


def _instance(i: Instance, running: int) -> InstanceReply:
    gpu = GpuRoom(i.gpu_memory or None, i.gpu_memory_used) if i.devices else None
    return InstanceReply(
        **_line(i.queue),
        id=i.id,
        state=i.state,
        since=i.ended_at or i.ready_at or i.created_at,
        created_at=i.created_at,
        ready_at=i.ready_at,
        last_used_at=i.last_used_at,
        ended_at=i.ended_at,
        hardware=i.hardware,
        cpus=i.cpus,
        devices=list(i.devices),
        memory=Room(i.memory, i.memory_used),
        gpu_memory=gpu,
        slots=i.slots,
        running=running,
        cause=i.cause,
        reason=i.reason,
        fault=i.fault,
    )


def _line(queue: str) -> dict[str, Any]:
    line = Queue.parse(queue)
    release = line.release if line.deployment is not None else None
    return {
        "model": line.model,
        "version": line.version,
        "deployment": line.deployment,
        "release": release,
        "training": line.training,
    }


async def _machine(ctx: Context, live: list[Instance], shown: set[str]) -> MachineReply:
    now = await asyncio.to_thread(ctx.machine.read)
    capacity, usual = ctx.machine.capacity(), ctx.settings.instance_cpus
    cpus = sum(usual if i.cpus is None else i.cpus for i in live)
    return MachineReply(
        cpus=Cores(now.cpus, now.load, cpus),
        memory=MachineMemory(now.memory, now.memory_available, capacity.memory, sum(i.memory for i in live)),
        gpus=[_gpu(gpu, [i for i in live if gpu.index in i.devices], shown) for gpu in now.gpus],
    )


def _gpu(gpu: Gpu, on: list[Instance], shown: set[str]) -> GpuReply:
    return GpuReply(
        index=gpu.index,
        uuid=gpu.uuid,
        name=gpu.name,
        memory_total=gpu.memory,
        memory_used=gpu.used,
        memory_reserved=min(gpu.memory, sum(i.gpu_memory or gpu.memory for i in on)),
        busy=gpu.busy,
        temperature=gpu.temperature,
        power=gpu.power,
        instances=[i.id for i in on if i.id in shown],
    )


operations = [
    Operation(
        method="GET",
        path="/fleet",
        handler=get,
        id="fleet.get",
        scope=Scope.READ,
        summary="Instances, this machine, and what waits",
        reply=FleetReply,
        ours=True,
    ),
    Operation(
        method="GET",
        path="/fleet/{instance_id}",
        handler=get_instance,
        id="fleet.instances.get",
        scope=Scope.READ,
        summary="One instance, with the logs of its setup",
        reply=InstanceReply,
        faults=(404,),
        ours=True,
    ),
    Operation(
        method="POST",
        path="/fleet/{instance_id}/stop",
        handler=stop,
        id="fleet.instances.stop",
        scope=Scope.PUSH,
        summary="Let an instance go",
        reply=InstanceReply,
        faults=(404,),
        ours=True,
    ),
]
