"""What each line is for: the ledger's models and deployments as policies for the autoscaler."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainspring.core.hardware import Hardware
from mainspring.core.placement import Capacity, Need
from mainspring.core.queue import Queue
from mainspring.core.scaling import Policy
from mainspring.records.catalog import Catalog, Model, Version
from mainspring.records.deployments import Deployment, Deployments, Release
from mainspring.records.footprints import Footprint, Footprints
from mainspring.settings import Settings

_SPARE_MEMORY = 1.25
_SPARE_GPU_MEMORY = 1.15
_ONE_TRAINING = Policy(min_instances=0, max_instances=1, slots=1, idle_timeout_s=0.0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a line needs: instances of this version, on this hardware, so many as the policy says.

    payer: the account that pays for all of their time; None when they serve everybody, or one training.
    """

    queue: Queue
    version: Version
    hardware: str
    need: Need
    policy: Policy
    payer: str | None = None


@dataclass(frozen=True, slots=True)
class Warm:
    """One look at what is wanted whether or not anything waits: models by path, deployments by name."""

    models: dict[str, Model]
    deployments: dict[str, Deployment]

    def queues(self) -> set[str]:
        """Lines that are to have instances at all times, and those of releases on their way."""
        models = {f"{path}:{model.latest_version}" for path, model in self.models.items()}
        releases = {str(d.live.queue) for d in self.deployments.values() if d.live.min_instances}
        return models | releases | {str(d.current.queue) for d in self.deployments.values() if d.rolling}

    def keeps(self, queue: Queue) -> bool:
        """Whether a line is among them."""
        if queue.training is not None:
            return False
        if queue.deployment is None:
            model = self.models.get(queue.model)
            return model is not None and model.latest_version == queue.version
        return str(queue) in self.queues()


class Lines:
    """Looks up what a line is for."""

    def __init__(
        self,
        settings: Settings,
        capacity: Capacity,
        catalog: Catalog,
        deployments: Deployments,
        footprints: Footprints,
    ) -> None:
        self._settings = settings
        self._capacity = capacity
        self._catalog = catalog
        self._deployments = deployments
        self._footprints = footprints

    async def warm(self) -> Warm:
        """What is wanted though nothing waits."""
        models = {model.full_name: model for model in await self._catalog.warm()}
        return Warm(models, {each.full_name: each for each in await self._deployments.every()})

    async def wanted(self, queue: Queue, warm: Warm, busy: dict[str, int]) -> Wanted | None:
        """What the line needs; None when its version or its deployment is gone.

        busy: how many instances of a line run something now; a release on its way is to have as many first.
        """
        model = await self._catalog.get_model(*queue.model.split("/", 1))
        version = await self._catalog.get_version(queue.model, queue.version)
        if model is None or version is None:
            return None
        kind = "training" if queue.training is not None else "prediction"
        footprint = await self._footprints.get(queue.model, queue.version, kind)
        if queue.deployment is None:
            hardware = self._settings.hardware.get(model.hardware)
            gpus = max(int(version.gpu), hardware.gpus if hardware else 0, model.gpus or 0)
            need = self._need(hardware, model, gpus, footprint)
            policy = self._of_model(model, version)
            payer = model.owner if model.visibility == "private" else None
            if queue.training is not None:
                version, policy, payer = replace(version, slots=1), _ONE_TRAINING, None
            return Wanted(queue, version, model.hardware, need, policy, payer)
        deployment = warm.deployments.get(queue.deployment)
        release = await self._release(deployment, queue) if deployment else None
        if deployment is None or release is None:
            return None
        hardware = self._settings.hardware.get(release.hardware)
        gpus = hardware.gpus if hardware else int(version.gpu)
        gpus = gpus and max(gpus, model.gpus or 0)
        need = self._need(hardware, model, gpus, footprint)
        policy = self._of_release(deployment, release, version, model, busy)
        return Wanted(queue, version, release.hardware, need, policy, deployment.owner)

    async def _release(self, deployment: Deployment, queue: Queue) -> Release | None:
        """The release that says how many instances the line has; None when it never took a prediction."""
        for release in (deployment.live, deployment.current):
            if release.line == queue.release:
                return release
        return await self._deployments.was_live(deployment.full_name, queue.release)

    def _of_model(self, model: Model, version: Version) -> Policy:
        given = self._settings
        maximum = model.max_instances if model.max_instances is not None else given.max_instances
        return Policy(
            min_instances=min(model.min_instances, maximum) if model.latest_version == version.id else 0,
            max_instances=maximum,
            slots=version.slots,
            idle_timeout_s=self._idle_s(model),
            scale_down_s=given.scale_down_s,
        )

    def _of_release(
        self, deployment: Deployment, release: Release, version: Version, model: Model, busy: dict[str, int]
    ) -> Policy:
        """Live: as it says. On its way: as much as the live one uses. Drained: what still waits is served."""
        least, most = release.min_instances, release.max_instances
        state = deployment.state_of(release)
        if deployment.live.disabled:
            least = most = 0
        elif state == "booting":
            least = first_instances(deployment, busy)
        elif state != "live":
            least = 0
        over = state not in ("booting", "live")
        return Policy(
            min_instances=least,
            max_instances=most,
            slots=version.slots,
            idle_timeout_s=0.0 if over else self._idle_s(model),
            scale_down_s=0.0 if over else self._settings.scale_down_s,
        )

    def _idle_s(self, model: Model) -> float:
        return model.idle_timeout_s if model.idle_timeout_s is not None else self._settings.idle_timeout_s

    def _need(self, hardware: Hardware | None, model: Model, gpus: int, measured: Footprint | None) -> Need:
        """What the model says, and more where more was measured; without GPUs everything runs on the processor."""
        given, most = self._settings, self._capacity
        cpus = (hardware.cpus if hardware else 0) or given.instance_cpus
        memory = _at_least(
            model.instance_memory or 0, measured.memory if measured else 0, _SPARE_MEMORY, most.memory
        )
        memory = memory or (hardware.memory if hardware else 0) or given.instance_memory
        gpus = gpus if most.gpus else 0
        shared = 0
        if gpus and given.share_gpus:
            largest = max(d.memory for d in most.all_devices)
            shared = _at_least(
                model.gpu_memory or 0, measured.gpu_memory if measured else 0, _SPARE_GPU_MEMORY, largest
            )
        return Need(min(cpus, most.cpus), memory, gpus, shared)


def _at_least(declared: int, measured: int, spare: float, most: int) -> int:
    """Bytes: what was declared, or what was measured with some to spare, within what there is; 0 when neither is."""
    return max(declared, min(int(measured * spare), most))


def first_instances(deployment: Deployment, busy: dict[str, int]) -> int:
    """How many instances of the current release are to be ready before it is live."""
    used = busy.get(str(deployment.live.queue), 0)
    return min(max(1, deployment.current.min_instances, used), deployment.current.max_instances)
