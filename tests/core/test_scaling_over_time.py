"""Hours of fake time against the decision: no flapping, bounded waits, nothing stopped before it was ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from mainspring.core.scaling import Copy, Observed, Policy, decide

TICK_S = 1.0
Load = Callable[[float], float]


@dataclass
class _Instance:
    name: str
    ready_at: float
    idle_since: float
    ends: list[float] = field(default_factory=list)
    leaving: bool = False


@dataclass
class World:
    """One line: predictions of service_s each arrive `load(t)` a second, instances take boot_s to be ready."""

    policy: Policy
    load: Load
    boot_s: float
    service_s: float
    now: float = 0.0
    due: float = 0.0
    line: list[float] = field(default_factory=list)
    instances: list[_Instance] = field(default_factory=list)
    boots: list[float] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)
    most: int = 0

    def run(self, hours: float) -> World:
        while self.now < hours * 3600:
            self._arrive()
            self._work()
            self._decide()
            self.now += TICK_S
        return self

    def boots_after(self, hours: float) -> int:
        return sum(at >= hours * 3600 for at in self.boots)

    def longest_wait_s(self, after_h: float = 0.0) -> float:
        return max((wait for at, wait in self.waits if at >= after_h * 3600), default=0.0)

    def _arrive(self) -> None:
        self.due += self.load(self.now) * TICK_S
        while self.due >= 1:
            self.line.append(self.now)
            self.due -= 1

    def _work(self) -> None:
        for one in self.instances:
            had = bool(one.ends)
            one.ends = [end for end in one.ends if end > self.now]
            if had and not one.ends:
                one.idle_since = self.now
            while self._free(one) and self.line:
                came = self.line.pop(0)
                self.waits.append((came, self.now - came))
                one.ends.append(self.now + self.service_s)
        self.instances = [one for one in self.instances if one.ends or not one.leaving]

    def _free(self, one: _Instance) -> bool:
        return one.ready_at <= self.now and not one.leaving and len(one.ends) < self.policy.slots

    def _decide(self) -> None:
        staying = {one.name: one for one in self.instances if not one.leaving}
        copies = tuple(
            Copy(one.name, one.ready_at <= self.now, len(one.ends), self.now - one.idle_since)
            for one in staying.values()
        )
        oldest = self.now - self.line[0] if self.line else 0.0
        decision = decide(self.policy, Observed(len(self.line), oldest, copies))
        if not any(c.ready for c in copies):
            assert len(copies) + decision.launch <= max(1, self.policy.min_instances), "one boot from zero"
        for name in (*decision.stop, *decision.drain):
            assert staying[name].ready_at <= self.now, "stopped before it was ready"
            assert name in decision.drain or not staying[name].ends, "stopped at work"
            staying[name].leaving = True
        for _ in range(decision.launch):
            self.boots.append(self.now)
            ready_at = self.now + self.boot_s
            self.instances.append(_Instance(f"i{len(self.boots)}", ready_at, ready_at))
        self.most = max(self.most, len(self.instances))
        assert sum(not one.leaving for one in self.instances) <= self.policy.max_instances


def policy(**given: float) -> Policy:
    plain = {"min_instances": 0, "max_instances": 4, "slots": 1, "idle_timeout_s": 60, "scale_down_s": 120}
    return Policy(**{**plain, **given})  # type: ignore[arg-type]


def saw_tooth(period_s: float, low: float, high: float) -> Load:
    """Half of each period little, half of it much."""
    return lambda t: high if t % period_s < period_s / 2 else low


@pytest.mark.parametrize("boot_s", [5, 60])
@pytest.mark.parametrize("period_s", [20, 60, 200])
def test_a_saw_tooth_shorter_than_the_delay_boots_nothing_once_it_is_warm(
    period_s: float, boot_s: float
) -> None:
    world = World(policy(), saw_tooth(period_s, 0.1, 0.7), boot_s, service_s=5).run(6)
    assert len(world.boots) <= 4
    assert world.boots_after(1) == 0
    assert world.longest_wait_s(after_h=1) <= 5


def test_the_simulation_sees_flapping() -> None:
    hasty = policy(scale_down_s=1)
    assert len(World(hasty, saw_tooth(60, 0.1, 0.7), 5, service_s=5).run(6).boots) > 500


@pytest.mark.parametrize("period_s", [600, 1800])
def test_a_slow_saw_tooth_boots_what_each_tooth_needs_and_no_more(period_s: float) -> None:
    hours = 6
    world = World(policy(), saw_tooth(period_s, 0.1, 0.7), 30, service_s=5).run(hours)
    teeth = hours * 3600 / period_s
    assert len(world.boots) <= teeth * 3 + 4
    assert world.longest_wait_s() <= 2 * 30 + 45


def test_calls_far_apart_boot_once_each_and_wait_for_one_boot() -> None:
    world = World(policy(), lambda t: 1 / 300, 30, service_s=5).run(6)
    assert len(world.boots) == len(world.waits) + len(world.line)
    assert world.most == 1
    assert world.longest_wait_s() <= 30 + TICK_S


def test_calls_closer_than_the_idle_timeout_boot_once() -> None:
    world = World(policy(), lambda t: 1 / 50, 30, service_s=5).run(6)
    assert len(world.boots) == 1


def test_a_boot_longer_than_the_idle_timeout_is_not_lost() -> None:
    world = World(policy(idle_timeout_s=10, scale_down_s=10), lambda t: 1 / 1000, 400, service_s=1).run(6)
    assert world.longest_wait_s() <= 400 + TICK_S
    assert world.waits


def test_no_traffic_keeps_the_minimum_and_boots_no_more() -> None:
    world = World(policy(min_instances=2), lambda t: 0.0, 30, service_s=5).run(12)
    assert (len(world.boots), world.most) == (2, 2)


def test_a_flood_doubles_up_to_the_maximum_and_lets_go_afterwards() -> None:
    world = World(policy(max_instances=8), lambda t: 2.0 if t < 1800 else 0.05, 20, service_s=5).run(2)
    assert len(world.boots) == world.most == 8
    assert world.boots[-1] <= 4 * (20 + 2)
    assert len(world.instances) == 1


@pytest.mark.parametrize("slots", [1, 4])
def test_a_steady_load_finds_its_size_and_stays(slots: int) -> None:
    world = World(policy(max_instances=20, slots=slots), lambda t: 1.5, 40, service_s=6).run(6)
    assert world.boots_after(1) == 0
    assert world.longest_wait_s(after_h=1) <= 2
    assert len(world.instances) <= 20
