"""What is known of uploaded files, in a real ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mainspring.core.ids import rfc3339
from mainspring.database import Database
from mainspring.records.files import File, Files

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def file(id: str, minutes: int = 0, account: str = "ada") -> File:
    at = NOW + timedelta(minutes=minutes)
    return File(
        id=id,
        account=account,
        name="photo.jpg",
        content_type="image/jpeg",
        size=3,
        sha256="0" * 64,
        md5="0" * 32,
        metadata={"a": {"b": 1}},
        created_at=rfc3339(at),
        expires_at=rfc3339(at + timedelta(hours=1)),
    )


async def test_a_file_lives_until_its_owner_deletes_it(database: Database) -> None:
    files = Files(database)
    await files.create(file("f"))
    assert await files.get("f") == file("f")
    assert file("f").key == "files/f"
    assert not await files.delete("f", "bob")
    assert await files.get("f") == file("f")
    assert await files.delete("f", "ada")
    assert await files.get("f") is None


async def test_listed_are_ones_own_that_have_not_expired_newest_first(database: Database) -> None:
    files = Files(database)
    for id, minutes in (("a", 0), ("b", 10), ("c", 10)):
        await files.create(file(id, minutes))
    await files.create(replace(file("d"), account="bob"))
    page = await files.list("ada", None, 2, NOW)
    assert [f.id for f in page.items] == ["c", "b"]
    assert page.next is not None
    last = await files.list("ada", (page.next[0], page.next[2:]), 2, NOW)
    assert [f.id for f in last.items] == ["a"]
    later = await files.list("ada", None, 10, NOW + timedelta(minutes=61))
    assert [f.id for f in later.items] == ["c", "b"]


async def test_expired_are_told_when_their_time_has_come(database: Database) -> None:
    files = Files(database)
    await files.create(file("late", 10))
    await files.create(file("early", 0))
    assert await files.expired(NOW + timedelta(minutes=59)) == ()
    assert await files.expired(NOW + timedelta(minutes=60)) == (file("early"),)
    both = await files.expired(NOW + timedelta(minutes=70))
    assert [f.id for f in both] == ["early", "late"]
    assert await files.expired(NOW + timedelta(minutes=70), limit=1) == (file("early"),)
