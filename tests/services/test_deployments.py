"""Deployments through HTTP: releases that take over under load, are rolled back, disabled, deleted."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mainspring.database import Statement
from mainspring.launchers import LaunchSpec
from mainspring.testing import FakeCog, Run
from tests.services.conftest import House, Open, eventually, gated

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


async def add_versions(house: House, *ids: str) -> None:
    await house.add_model()
    first = await house.platform.ledger.catalog.get_version("me/m", "6d".ljust(64, "0"))
    assert first is not None
    for version_id in ids:
        # The source's name tells fakes which version they are.
        await house.platform.ledger.catalog.register_version(
            "me/m", replace(first, id=version_id, source=version_id)
        )


async def deploy(
    house: House, version: str = A, least: int = 0, most: int = 1, **more: Any
) -> dict[str, Any]:
    body = {"name": "prod", "model": "me/m", "version": version, "hardware": "cpu"}
    body |= {"min_instances": least, "max_instances": most} | more
    reply = await house.http.post("/deployments", json=body)
    assert reply.status_code == 200, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def patch(house: House, **changes: Any) -> dict[str, Any]:
    reply = await house.http.patch("/deployments/me/prod", json=changes)
    assert reply.status_code == 200, reply.text
    changed: dict[str, Any] = reply.json()
    return changed


async def predict(house: House, wait: bool = True) -> dict[str, Any]:
    headers = {"Prefer": "wait=30"} if wait else {}
    body = {"input": {"text": "hi"}}
    reply = await house.http.post("/deployments/me/prod/predictions", json=body, headers=headers, timeout=60)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def rollout(house: House) -> dict[str, Any]:
    found: dict[str, Any] = (await house.http.get("/deployments/me/prod")).json()["rollout"]
    return found


async def until_rollout(house: House, state: str, serving: int) -> dict[str, Any]:
    async def look() -> Any:
        found = await rollout(house)
        return found if (found["state"], found["serving_release"]) == (state, serving) else None

    return await eventually(look)


async def releases(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.http.get("/deployments/me/prod/releases")).json()["results"]
    return found


def by_version(**makes: Callable[[], FakeCog]) -> Callable[[LaunchSpec], FakeCog]:
    """A fake for each version, by the first digit of its id."""
    return lambda spec: makes.get(spec.source.name[0], FakeCog)()


def saying(text: str) -> Callable[[], FakeCog]:
    async def say(run: Run) -> object:
        return text

    return lambda: FakeCog(say)


async def test_a_deployment_runs_its_version_in_a_line_of_its_own(open_house: Open) -> None:
    house = await open_house(make=by_version(a=saying("from a")))
    await add_versions(house, A, B)
    made = await deploy(house)
    assert made["current_release"]["number"] == 1
    assert made["rollout"] == {"state": "live", "serving_release": 1, "failed_release": None, "error": None}
    done = await predict(house)
    assert (done["output"], done["version"], done["deployment"]) == ("from a", A, "me/prod")
    stored = await house.platform.ledger.predictions.get(done["id"])
    assert stored is not None
    assert (stored.queue, stored.hardware) == (f"me/m:{A}@me/prod#1", "cpu")
    assert (await house.create("me/m", wait=True))["output"] == "hi"
    assert len(house.launcher.launches) == 2


async def test_a_new_release_takes_over_under_load_and_nothing_fails(open_house: Open) -> None:
    house = await open_house(make=by_version(a=saying("a"), b=saying("b")))
    await add_versions(house, A, B)
    await deploy(house, least=1, most=2)
    seen: list[dict[str, Any]] = []
    stop = asyncio.Event()

    async def load() -> None:
        while not stop.is_set():
            seen.append(await predict(house))

    loads = [asyncio.create_task(load()) for _ in range(4)]
    await eventually(lambda: asyncio.sleep(0, len(seen) > 20))
    changed = await patch(house, version=B)
    assert (changed["current_release"]["number"], changed["current_release"]["version"]) == (2, B)
    assert changed["rollout"]["serving_release"] == 1
    await until_rollout(house, "live", 2)
    after = len(seen)
    await eventually(lambda: asyncio.sleep(0, len(seen) > after + 20))
    stop.set()
    await asyncio.gather(*loads)
    assert {p["status"] for p in seen} == {"succeeded"}
    assert {p["output"] for p in seen[after + 8 :]} == {"b"}
    assert {p["output"] for p in seen} == {"a", "b"}

    async def old_gone() -> bool:
        return {i.version for i in await house.platform.ledger.instances.live()} == {B}

    await eventually(old_gone)
    assert [(r["number"], r["state"]) for r in await releases(house)] == [(2, "live"), (1, "retired")]


async def test_the_old_release_serves_until_the_new_one_is_ready(open_house: Open) -> None:
    slow = FakeCog(status="STARTING")
    house = await open_house(make=by_version(a=saying("a"), b=lambda: slow))
    await add_versions(house, A, B)
    await deploy(house)
    assert (await predict(house))["output"] == "a"
    await patch(house, version=B)
    await eventually(lambda: asyncio.sleep(0, len(house.launcher.launches) == 2))
    assert (await predict(house))["version"] == A
    assert [r["state"] for r in await releases(house)] == ["booting", "live"]
    slow.status = "READY"
    await until_rollout(house, "live", 2)
    assert (await predict(house))["version"] == B


async def test_a_release_whose_setup_fails_is_rolled_back_and_says_so(open_house: Open) -> None:
    def broken() -> FakeCog:
        return FakeCog(status="SETUP_FAILED", setup_logs="no weights")

    house = await open_house(make=by_version(a=saying("a"), b=broken, c=saying("c")))
    await add_versions(house, A, B, C)
    await deploy(house, least=1)
    await patch(house, version=B)
    told = await until_rollout(house, "rolled_back", 1)
    assert told["failed_release"] == 2
    assert "no weights" in told["error"]
    found = (await house.http.get("/deployments/me/prod")).json()["current_release"]
    assert (found["number"], found["version"]) == (1, A)
    failed, kept = await releases(house)
    assert (failed["state"], failed["logs"], kept["state"]) == ("failed", "no weights", "live")
    assert (await predict(house))["output"] == "a"
    assert (await patch(house, version=C))["current_release"]["number"] == 3
    assert (await until_rollout(house, "live", 3))["error"] is None
    assert (await predict(house))["output"] == "c"


async def test_the_first_release_fails_who_waits(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="SETUP_FAILED", setup_logs="no weights"))
    await add_versions(house, A)
    await deploy(house)
    failed = await predict(house)
    assert failed["status"] == "failed"
    assert failed["error"].startswith("Model setup failed")

    async def said() -> bool:
        return bool((await releases(house))[0]["error"])

    await eventually(said)


async def test_other_numbers_of_instances_boot_nothing_new(open_house: Open) -> None:
    house = await open_house()
    await add_versions(house, A)
    await deploy(house, least=1, most=1)
    await predict(house)
    changed = await patch(house, max_instances=3)
    assert changed["current_release"]["number"] == 2
    assert changed["rollout"] == {
        "state": "live",
        "serving_release": 2,
        "failed_release": None,
        "error": None,
    }
    assert (await predict(house))["status"] == "succeeded"
    assert len(house.launcher.launches) == 1
    assert (await releases(house))[0]["shares"] == 1


async def test_fewer_instances_let_the_surplus_go_when_its_work_has_ended(open_house: Open) -> None:
    gate = asyncio.Event()
    house = await open_house(make=lambda spec: gated(gate))
    await add_versions(house, A)
    await deploy(house, least=2, most=2)
    made = [await predict(house, wait=False) for _ in range(2)]
    for each in made:
        await house.until(each, "processing")
    await patch(house, min_instances=0, max_instances=1)
    await eventually(lambda: _states(house, ["ready", "stopping"]))
    gate.set()
    for each in made:
        await house.until(each, "succeeded")
    await eventually(lambda: _states(house, ["ready"]))


async def _states(house: House, states: list[str]) -> bool:
    return sorted(i.state for i in await house.platform.ledger.instances.live()) == states


async def test_no_instances_at_all_disable_it(open_house: Open) -> None:
    gate = asyncio.Event()
    house = await open_house(make=lambda spec: gated(gate))
    await add_versions(house, A)
    await deploy(house)
    running, waiting = await predict(house, wait=False), await predict(house, wait=False)
    await house.until(running, "processing")
    told = await patch(house, min_instances=0, max_instances=0)
    assert told["rollout"]["state"] == "disabled"
    for each in (running, waiting):
        await house.until(each, "canceled")
    refused = await house.http.post("/deployments/me/prod/predictions", json={"input": {}})
    assert (refused.status_code, refused.json()["title"]) == (400, "Deployment disabled")
    await eventually(lambda: _states(house, []))
    gate.set()
    await patch(house, max_instances=1)
    assert (await predict(house))["status"] == "succeeded"


async def test_disabling_ends_what_only_boots(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="STARTING"))
    await add_versions(house, A)
    await deploy(house, least=1)
    await eventually(lambda: _states(house, ["booting"]))
    await patch(house, min_instances=0, max_instances=0)
    await eventually(lambda: _states(house, []))


async def test_a_release_that_is_overtaken_while_it_boots_is_superseded(open_house: Open) -> None:
    stuck = by_version(a=saying("a"), b=lambda: FakeCog(status="STARTING"), c=saying("c"))
    house = await open_house(make=stuck)
    await add_versions(house, A, B, C)
    await deploy(house, least=1)
    await predict(house)
    await patch(house, version=B)
    await eventually(lambda: asyncio.sleep(0, len(house.launcher.launches) == 2))
    await patch(house, version=C)
    await until_rollout(house, "live", 3)
    assert [r["state"] for r in await releases(house)] == ["live", "superseded", "retired"]

    async def only_c() -> bool:
        return {i.version for i in await house.platform.ledger.instances.live()} == {C}

    await eventually(only_c)


async def test_going_back_while_a_release_boots_needs_no_boot(open_house: Open) -> None:
    house = await open_house(make=by_version(b=lambda: FakeCog(status="STARTING")))
    await add_versions(house, A, B)
    await deploy(house, least=1)
    await predict(house)
    await patch(house, version=B)
    back = await patch(house, version=A)
    assert back["rollout"]["state"] == "live"
    assert back["rollout"]["serving_release"] == 3
    await eventually(lambda: _states(house, ["ready"]))
    assert [s.source.name[0] for s in house.launcher.launches].count("a") == 1


async def test_a_rollout_goes_on_after_a_crash(open_house: Open) -> None:
    house = await open_house(make=by_version(b=lambda: FakeCog(status="STARTING")))
    await add_versions(house, A, B)
    await deploy(house, least=1)
    await predict(house)
    await patch(house, version=B)
    await eventually(lambda: asyncio.sleep(0, len(house.launcher.launches) == 2))
    await house.platform.database.close()
    later = await open_house(make=by_version(a=saying("a"), b=saying("b")))
    await until_rollout(later, "live", 2)
    assert (await predict(later))["output"] == "b"


async def test_only_what_is_offline_and_unused_is_deleted(open_house: Open) -> None:
    house = await open_house(deployment_rest_s=3600)
    await add_versions(house, A)
    await deploy(house)
    await predict(house)
    await patch(house, min_instances=0, max_instances=0)
    await eventually(lambda: _states(house, []))
    refused = await house.http.delete("/deployments/me/prod")
    assert refused.status_code == 403
    assert "60 minutes" in refused.json()["detail"]
    await house.platform.database.write(
        Statement("UPDATE predictions SET completed_at = '2020-01-01T00:00:00Z'", {})
    )
    assert (await house.http.delete("/deployments/me/prod")).status_code == 204
    assert (await house.http.get("/deployments/me/prod")).status_code == 404
    assert (await house.http.get("/deployments/me/prod/releases")).status_code == 404
    assert (await deploy(house))["current_release"]["number"] == 1


async def test_a_running_instance_keeps_it_from_being_deleted(open_house: Open) -> None:
    house = await open_house(deployment_rest_s=0)
    await add_versions(house, A)
    await deploy(house, least=1)
    await eventually(lambda: _states(house, ["ready"]))
    assert (await house.http.delete("/deployments/me/prod")).status_code == 403
    await patch(house, min_instances=0, max_instances=0)
    await eventually(lambda: _states(house, []))
    assert (await house.http.delete("/deployments/me/prod")).status_code == 204


async def test_a_version_in_a_deployment_is_not_deleted(open_house: Open) -> None:
    house = await open_house(deployment_rest_s=0)
    await add_versions(house, A, B)
    await house.http.patch("/models/me/m", json={"visibility": "private"})
    await deploy(house)
    path = f"/models/me/m/versions/{A}"
    assert (await house.http.delete(path)).status_code == 409
    assert (await house.http.delete(f"/models/me/m/versions/{B}")).status_code == 202
    assert (await house.http.delete("/deployments/me/prod")).status_code == 204
    assert (await house.http.delete(path)).status_code == 202


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"instance_memory": 1 << 60}, "can't run on this machine")],
)
async def test_what_can_never_run_says_so(open_house: Open, settings: dict[str, Any], error: str) -> None:
    house = await open_house(**settings)
    await add_versions(house, A)
    await deploy(house, least=1)

    async def said() -> Any:
        return (await releases(house))[0]["error"]

    assert error in await eventually(said)


@pytest.mark.parametrize("write", range(1, 11))
async def test_a_rollout_ends_well_wherever_the_server_dies(open_house: Open, write: int) -> None:
    house = await open_house(make=by_version(a=saying("a"), b=saying("b")))
    await add_versions(house, A, B)
    await deploy(house, least=1)
    made = await predict(house)
    database, died = house.platform.database, asyncio.Event()
    real, writes = database.write, itertools.count(1)

    async def mortal(*statements: Statement) -> Any:
        if next(writes) == write:
            died.set()
            await database.close()
        return await real(*statements)

    database.write = mortal  # type: ignore[method-assign]
    asked = asyncio.create_task(house.http.patch("/deployments/me/prod", json={"version": B}))
    await asyncio.wait_for(died.wait(), 10)
    await asyncio.wait([asked])
    later = await open_house(make=by_version(a=saying("a"), b=saying("b")))
    if write <= 2:  # the entry of the audit log, the release
        assert asked.result().status_code == 503
        await patch(later, version=B)
    await until_rollout(later, "live", 2)
    done = await predict(later)
    assert (made["output"], done["output"]) == ("a", "b")
    assert [r["state"] for r in await releases(later)] == ["live", "retired"]

    async def only_b() -> bool:
        return {i.version for i in await later.platform.ledger.instances.live()} == {B}

    await eventually(only_b)


async def test_an_idle_instance_makes_room_for_the_release_that_replaces_it(open_house: Open) -> None:
    house = await open_house(make=by_version(b=saying("b")), instance_cpus=1e9)
    await add_versions(house, A, B)
    await deploy(house)
    await predict(house)
    await patch(house, version=B)
    await until_rollout(house, "live", 2)
    assert (await predict(house))["output"] == "b"


async def test_a_release_that_gets_no_room_is_rolled_back(open_house: Open) -> None:
    house = await open_house(instance_cpus=1e9, setup_timeout_s=1)
    await add_versions(house, A, B)
    await deploy(house, least=1)
    await predict(house)
    await patch(house, version=B)
    told = await until_rollout(house, "rolled_back", 1)
    assert told["error"].startswith("There was no room")
    assert (await predict(house))["status"] == "succeeded"
