"""Hours of traffic on a machine with too little room: no thrash, no starvation, no GPU promised twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainspring.database.sqlite import SqliteDatabase
from mainspring.settings import Settings
from tests.services.town import Shop, Town


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "ledger.db")
    yield database
    await database.close()


async def test_those_that_fit_together_boot_once(ledger: SqliteDatabase, tmp_path: Path) -> None:
    town = Town(ledger, Settings(data=tmp_path), gpus=1)
    await town.open(*(Shop(name, lambda t: 0.05, gib=7) for name in ("a", "b", "c")))
    await town.run(1)
    assert [len(shop.boots) for shop in town.shops.values()] == [1, 1, 1]
    assert all(max(shop.waits[2:]) <= 15 for shop in town.shops.values())


async def test_two_that_do_not_fit_take_turns(ledger: SqliteDatabase, tmp_path: Path) -> None:
    town = Town(ledger, Settings(data=tmp_path), gpus=1)
    await town.open(Shop("a", lambda t: 0.05), Shop("b", lambda t: 0.05))
    await town.run(2)
    for shop in town.shops.values():
        assert len(shop.boots) <= 2 * 3600 / (4 * 30)
        assert max(shop.waits) <= 240
    assert town.booting_s <= 0.7 * 2 * 3600
    assert all(waiting <= 10 for waiting in (await town.waiting()).values())


async def test_a_saturated_model_does_not_starve_another(ledger: SqliteDatabase, tmp_path: Path) -> None:
    town = Town(ledger, Settings(data=tmp_path), gpus=1)
    await town.open(Shop("flood", lambda t: 0.4), Shop("rare", lambda t: 1 / 300))
    await town.run(1)
    flood, rare = town.shops.values()
    assert max(rare.waits) <= 60 + 30 + 30 + 2 * 5
    assert len(rare.waits) >= 3600 / 300 - 1
    assert town.booting_s <= 0.5 * 3600
    assert len(flood.waits) * 5 >= 0.3 * 3600


async def test_a_model_for_all_gpus_gets_them_among_small_ones(
    ledger: SqliteDatabase, tmp_path: Path
) -> None:
    town = Town(ledger, Settings(data=tmp_path), gpus=4)
    small = [Shop(f"s{n}", lambda t: 0.15, gib=12, boot_s=20) for n in range(5)]
    big = Shop("big", lambda t: 1 / 600, gpus=4, gib=20, boot_s=120, service_s=30)
    await town.open(*small, big)
    await town.run(1)
    assert len(big.waits) >= 5
    assert max(big.waits) <= 360
    assert all(max(shop.waits) <= 600 for shop in small)


async def test_what_is_called_often_stays(ledger: SqliteDatabase, tmp_path: Path) -> None:
    town = Town(ledger, Settings(data=tmp_path, idle_timeout_s=600), gpus=2)
    often, dear = Shop("often", lambda t: 1 / 20), Shop("dear", lambda t: 1 / 400, boot_s=20)
    third = Shop("third", lambda t: 1 / 450, boot_s=20)
    await town.open(often, dear, third)
    await town.run(2)
    assert len(often.boots) <= 6 < len(dear.boots + third.boots)
    assert max(often.waits) <= 60
    assert max(dear.waits + third.waits) <= 120


async def test_what_is_kept_warm_is_never_sent_away(ledger: SqliteDatabase, tmp_path: Path) -> None:
    town = Town(ledger, Settings(data=tmp_path), gpus=2)
    warm = Shop("warm", lambda t: 0, min_instances=1)
    await town.open(warm, Shop("a", lambda t: 0.1), Shop("b", lambda t: 0.1))
    await town.run(1)
    assert len(warm.boots) == 1
    assert all(len(shop.waits) > 200 for name, shop in town.shops.items() if "warm" not in name)
