"""How many instances: tables of what was observed and what follows."""

from __future__ import annotations

import pytest

from mainspring.core.scaling import Copy, Decision, Observed, Policy, decide

POLICY = Policy(min_instances=0, max_instances=4, slots=2, idle_timeout_s=60, scale_down_s=120)
WARM = Policy(min_instances=1, max_instances=4, slots=2, idle_timeout_s=60, scale_down_s=120)
ONE = Policy(min_instances=0, max_instances=1, slots=2, idle_timeout_s=60, scale_down_s=120)
OFF = Policy(min_instances=0, max_instances=0, slots=2, idle_timeout_s=60, scale_down_s=120)
BUSY = Copy("busy", ready=True, running=2, idle_s=0)
HALF = Copy("half", ready=True, running=1, idle_s=0)
BOOTING = Copy("booting", ready=False, running=0, idle_s=0)


def idle(name: str, seconds: float) -> Copy:
    return Copy(name, ready=True, running=0, idle_s=seconds)


@pytest.mark.parametrize(
    ("policy", "observed", "decision"),
    [
        pytest.param(POLICY, Observed(0, 0, ()), Decision(), id="nothing to do"),
        pytest.param(POLICY, Observed(1, 0, ()), Decision(launch=1), id="the first is started at once"),
        pytest.param(POLICY, Observed(90, 0, ()), Decision(launch=1), id="one boot at a time from zero"),
        pytest.param(POLICY, Observed(9, 5, (BOOTING,)), Decision(), id="a boot under way counts"),
        pytest.param(POLICY, Observed(3, 0.1, (BUSY,)), Decision(), id="patience first"),
        pytest.param(POLICY, Observed(3, 1, (BUSY,)), Decision(launch=1), id="grow by at most what there is"),
        pytest.param(POLICY, Observed(9, 1, (BUSY, BUSY)), Decision(launch=2), id="double"),
        pytest.param(
            POLICY, Observed(1, 1, (BUSY, BUSY)), Decision(launch=1), id="no more than the line needs"
        ),
        pytest.param(POLICY, Observed(9, 1, (BUSY, BUSY, BUSY)), Decision(launch=1), id="up to the maximum"),
        pytest.param(POLICY, Observed(9, 9, (BUSY,) * 4), Decision(), id="never beyond it"),
        pytest.param(POLICY, Observed(3, 1, (BUSY, HALF)), Decision(), id="a free slot will take them"),
        pytest.param(POLICY, Observed(0, 0, (idle("a", 59),)), Decision(), id="not idle for long"),
        pytest.param(POLICY, Observed(0, 0, (idle("a", 60),)), Decision(stop=("a",)), id="idle too long"),
        pytest.param(POLICY, Observed(1, 0, (idle("a", 99),)), Decision(), id="somebody waits"),
        pytest.param(POLICY, Observed(0, 0, (HALF, BOOTING)), Decision(), id="busy and booting stay"),
        pytest.param(WARM, Observed(0, 0, ()), Decision(launch=1), id="kept warm"),
        pytest.param(WARM, Observed(0, 0, (idle("a", 99),)), Decision(), id="the warm one stays"),
        pytest.param(
            POLICY, Observed(9, 9, (BUSY, BOOTING)), Decision(), id="no more boots than what is ready"
        ),
        pytest.param(
            POLICY,
            Observed(9, 9, (BUSY, BUSY, BOOTING)),
            Decision(launch=1),
            id="a boot is taken off the need",
        ),
        pytest.param(
            POLICY,
            Observed(2, 9, (BUSY, BUSY, BOOTING)),
            Decision(),
            id="the boot will be enough for the line",
        ),
        pytest.param(
            POLICY,
            Observed(0, 0, (BUSY, idle("a", 119))),
            Decision(),
            id="spare, but not for long: others work",
        ),
        pytest.param(
            POLICY, Observed(0, 0, (BUSY, idle("a", 120))), Decision(stop=("a",)), id="spare for long"
        ),
        pytest.param(
            POLICY,
            Observed(0, 0, (idle("a", 60), idle("b", 61))),
            Decision(stop=("b", "a")),
            id="all to zero",
        ),
        pytest.param(
            POLICY, Observed(0, 0, (idle("a", 10), idle("b", 130))), Decision(stop=("b",)), id="down to one"
        ),
        pytest.param(
            POLICY, Observed(0, 0, (idle("a", 500), BOOTING)), Decision(), id="a boot is no reason to stop"
        ),
        pytest.param(OFF, Observed(5, 9, ()), Decision(), id="off"),
        pytest.param(
            OFF,
            Observed(5, 9, (BUSY, BOOTING)),
            Decision(drain=("busy", "booting")),
            id="off lets everything go",
        ),
        pytest.param(
            ONE,
            Observed(5, 9, (BUSY, HALF)),
            Decision(drain=("half",)),
            id="beyond the maximum, the least busy",
        ),
        pytest.param(ONE, Observed(5, 9, (BUSY, BOOTING)), Decision(), id="until the boot is done, it stays"),
        pytest.param(
            WARM,
            Observed(0, 0, (idle("a", 70), idle("b", 99))),
            Decision(stop=("b",)),
            id="longest idle goes",
        ),
    ],
)
def test_decisions(policy: Policy, observed: Observed, decision: Decision) -> None:
    assert decide(policy, observed) == decision
