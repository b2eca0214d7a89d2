"""Models and versions in a real ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mainspring.core.errors import Conflict, InvalidRequest, NotFound
from mainspring.core.ids import rfc3339
from mainspring.database import Database, Params, Row, Statement
from mainspring.records.accounts import Accounts
from mainspring.records.catalog import Catalog, Model, Version
from mainspring.records.members import Members
from mainspring.records.pages import Cursor
from mainspring.records.recent import Recent

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
A, B = "a" * 64, "b" * 64


def model(name: str = "hello", owner: str = "ada", minutes: int = 0, **given: object) -> Model:
    at = rfc3339(NOW + timedelta(minutes=minutes))
    return replace(Model(owner=owner, name=name, visibility="public", hardware="cpu", created_at=at), **given)


def version(id: str = A, minutes: int = 0) -> Version:
    return Version(
        model="ada/hello",
        id=id,
        created_at=rfc3339(NOW + timedelta(minutes=minutes)),
        cog_version="0.23.1",
        openapi_schema={"components": {"schemas": {"Input": {"properties": {"s": {"type": "string"}}}}}},
        predictor="predict.py:Predictor",
        slots=2,
        gpu=True,
        env={"A": "1"},
        source="s",
        environment="e",
    )


@pytest.fixture
async def catalog(database: Database) -> Catalog:
    accounts = Accounts(database)
    await accounts.create_account("ada", "user", "Ada", NOW)
    await accounts.create_account("bob", "user", "Bob", NOW)
    return Catalog(database)


class Counting:
    """The database, counting reads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reads = 0

    async def write(self, *statements: Statement) -> Sequence[Sequence[Row]]:
        return await self._database.write(*statements)

    async def fetch(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        self.reads += 1
        return await self._database.fetch(sql, params)

    async def close(self) -> None: ...


async def test_a_model_is_stored_whole_and_once(catalog: Catalog) -> None:
    given = model(description="d", max_instances=3, idle_timeout_s=1.5)
    assert await catalog.create_model(given) == given
    assert await catalog.get_model("ada", "hello") == given
    assert await catalog.get_model("ada", "other") is None
    with pytest.raises(Conflict, match="already exists"):
        await catalog.create_model(model(visibility="private"))
    assert await catalog.get_model("ada", "hello") == given


async def test_update_sets_what_is_given_and_is_seen_at_once(catalog: Catalog) -> None:
    await catalog.create_model(model(description="old", readme="r"))
    assert (await catalog.get_model("ada", "hello")) is not None
    updated = await catalog.update_model(
        "ada", "hello", {"description": "new", "min_instances": 1, "readme": None}
    )
    assert updated is not None
    assert (updated.description, updated.min_instances, updated.readme) == ("new", 1, None)
    assert await catalog.get_model("ada", "hello") == updated
    assert await catalog.update_model("ada", "hello", {}) == updated
    assert await catalog.update_model("ada", "nothing", {"description": "x"}) is None
    with pytest.raises(ValueError, match="run_count"):
        await catalog.update_model("ada", "hello", {"run_count": 9})


async def test_only_a_private_model_without_versions_is_deleted(catalog: Catalog) -> None:
    await catalog.create_model(model("public"))
    await catalog.create_model(model(visibility="private"))
    await catalog.register_version("ada/hello", version())
    assert not await catalog.delete_model("ada", "public")
    assert not await catalog.delete_model("ada", "hello")
    assert await catalog.delete_version("ada/hello", A)
    assert await catalog.delete_model("ada", "hello")
    assert await catalog.get_model("ada", "hello") is None


async def test_registering_again_only_makes_it_the_latest_again(catalog: Catalog) -> None:
    await catalog.create_model(model())
    assert await catalog.get_version("ada/hello", A) is None
    first = await catalog.register_version("ada/hello", version(A))
    await catalog.register_version("ada/hello", version(B, 1))
    again = await catalog.register_version("ada/hello", version(A, 2))
    assert again == first == await catalog.get_version("ada/hello", A) == version(A)
    found = await catalog.get_model("ada", "hello")
    assert found is not None
    assert (found.latest_version, found.latest_version_at) == (A, rfc3339(NOW + timedelta(minutes=2)))
    page = await catalog.list_versions("ada/hello", None, 10)
    assert [v.id for v in page.items] == [B, A]


async def test_a_version_of_no_model_is_not_stored(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="ada/hello"):
        await catalog.register_version("ada/hello", version())
    assert await catalog.get_version("ada/hello", A) is None


async def test_the_newest_version_left_becomes_the_latest(catalog: Catalog) -> None:
    await catalog.create_model(model())
    await catalog.register_version("ada/hello", version(A))
    await catalog.register_version("ada/hello", version(B, 1))
    assert await catalog.delete_version("ada/hello", B)
    assert not await catalog.delete_version("ada/hello", B)
    found = await catalog.get_model("ada", "hello")
    assert found is not None
    assert (found.latest_version, found.latest_version_at) == (A, version(A).created_at)
    await catalog.delete_version("ada/hello", A)
    found = await catalog.get_model("ada", "hello")
    assert found is not None
    assert (found.latest_version, found.latest_version_at) == (None, None)


@pytest.mark.parametrize(
    ("status", "deleted"), [("starting", False), ("processing", False), ("succeeded", True)]
)
async def test_a_version_in_use_is_not_deleted(
    catalog: Catalog, database: Database, status: str, deleted: bool
) -> None:
    await catalog.create_model(model())
    await catalog.register_version("ada/hello", version())
    sql = """INSERT INTO predictions (id, account, model, version, queue, source, status, input, created_at)
             VALUES ('p', 'ada', 'ada/hello', :v, 'ada/hello:' || :v, 'api', :status, '{}', '')"""
    await database.write(Statement(sql, {"v": A, "status": status}))
    assert await catalog.delete_version("ada/hello", A) is deleted
    assert (await catalog.get_version("ada/hello", A) is None) is deleted


async def test_a_bare_id_prefers_ones_own_model_and_skips_private_ones_of_others(catalog: Catalog) -> None:
    await catalog.create_model(model("early", owner="bob"))
    await catalog.create_model(model("hidden", owner="bob", visibility="private"))
    await catalog.create_model(model())
    await catalog.register_version("bob/hidden", version(B))
    assert await catalog.find_version(B, "ada") is None
    assert await catalog.find_version(B, "bob") is not None
    await catalog.register_version("bob/early", version(A))
    found = await catalog.find_version(A, "ada")
    assert found is not None
    assert found.model == "bob/early"
    await catalog.register_version("ada/hello", version(A, 1))
    found = await catalog.find_version(A, "ada")
    assert found is not None
    assert found.model == "ada/hello"


async def test_a_bare_id_means_a_public_model_before_one_of_an_organization(
    catalog: Catalog, database: Database
) -> None:
    accounts, members = Accounts(database, Recent()), Members(database, Recent())
    await members.create("acme", "Acme", "ada", NOW)

    async def holder(minutes: int, owner: str, name: str, **given: object) -> None:
        await catalog.create_model(model(name, owner=owner, **given))
        await catalog.register_version(f"{owner}/{name}", version(A, minutes))

    async def meant(account: str) -> str | None:
        found = await catalog.find_version(A, account)
        return found and found.model

    await holder(0, "acme", "closed", visibility="private")
    assert [await meant(one) for one in ("ada", "acme", "bob")] == ["acme/closed", "acme/closed", None]
    await accounts.disable("acme", NOW)
    assert await Catalog(database).find_version(A, "ada") is None
    assert (await catalog.list_models("ada", None, 9)).items == ()
    await accounts.enable("acme")
    await holder(2, "bob", "later")
    await holder(1, "eve", "open")
    assert [await meant(one) for one in ("ada", "acme", "eve", "bob")] == [
        "eve/open",
        "acme/closed",
        "eve/open",
        "bob/later",
    ]


async def test_lists_page_both_ways_and_hide_private_models_of_others(catalog: Catalog) -> None:
    for number in range(5):
        await catalog.create_model(model(f"m{number}", minutes=number // 2))
    await catalog.create_model(model("secret", owner="bob", visibility="private"))

    async def names(
        cursor: str | None, oldest_first: bool = False
    ) -> tuple[list[str], str | None, str | None]:
        parsed: Cursor | None = (cursor[0], cursor[2:]) if cursor else None
        page = await catalog.list_models(
            "ada", parsed, 2, sort_by="model_created_at", oldest_first=oldest_first
        )
        return [m.name for m in page.items], page.next, page.previous

    first, following, before = await names(None)
    assert (first, before) == (["m4", "m3"], None)
    second, third_cursor, back = await names(following)
    assert second == ["m2", "m1"]
    third, end, back_to_second = await names(third_cursor)
    assert (third, end) == (["m0"], None)
    assert (await names(back_to_second))[0] == second
    again, forward, nothing = await names(back)
    assert (again, nothing) == (first, None)
    assert (await names(forward))[0] == second
    upwards, onwards, _ = await names(None, oldest_first=True)
    assert upwards == ["m0", "m1"]
    assert (await names(onwards, oldest_first=True))[0] == ["m2", "m3"]
    with pytest.raises(InvalidRequest):
        await names("n=nonsense")


async def test_models_are_ordered_by_their_latest_version(catalog: Catalog) -> None:
    for number, name in enumerate(["one", "two", "three"]):
        await catalog.create_model(model(name, minutes=number))
    await catalog.register_version("ada/one", version(minutes=5))
    await catalog.register_version("ada/two", version(minutes=4))
    page = await catalog.list_models("ada", None, 10)
    assert [m.name for m in page.items] == ["one", "two", "three"]


async def test_hot_reads_ask_the_ledger_once(database: Database, catalog: Catalog) -> None:
    await catalog.create_model(model())
    await catalog.register_version("ada/hello", version())
    counting = Counting(database)
    hot = Catalog(counting)
    for _ in range(10):
        assert await hot.get_model("ada", "hello")
        assert await hot.get_version("ada/hello", A)
        assert await hot.find_version(A, "bob")
    assert counting.reads == 3
    await hot.update_model("ada", "hello", {"description": "x"})
    assert (await hot.get_model("ada", "hello") or model()).description == "x"
    assert counting.reads == 4


async def test_an_input_schema_is_compiled_once(catalog: Catalog) -> None:
    schema = catalog.input_schema(version())
    assert schema.validate({"s": "x"}) == {"s": "x"}
    assert catalog.input_schema(version()) is schema
