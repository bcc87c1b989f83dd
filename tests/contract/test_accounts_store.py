"""What every AccountStore must do, whatever keeps the rows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from whatssound.accounts.store import AccountStore
from whatssound.accounts.tokens import RefreshToken, hash_of
from whatssound.accounts.user import User
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.ids import UserId

ANA = User(UserId(1), "Ana", "guest")
BEN = User(UserId(2), "Ben", "guest")


@pytest.fixture(params=["sqlite"])
async def store(tmp_path: Path) -> AsyncIterator[AccountStore]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    yield SqlAccounts(database)
    await database.close()


def refresh_token(text: str, *, family: int = 7, expires_ms: int = 1_000) -> RefreshToken:
    return RefreshToken(hash_of(text), ANA.id, family, expires_ms)


async def test_a_person_is_found_by_id_and_by_key(store: AccountStore) -> None:
    assert await store.add(ANA, "ana", now_ms=5)
    assert await store.get(ANA.id) == ANA
    assert await store.by_key("ana") == ANA
    assert await store.get(BEN.id) is None
    assert await store.by_key("ben") is None


async def test_a_key_belongs_to_one_person(store: AccountStore) -> None:
    assert await store.add(ANA, "ana", now_ms=5)
    assert not await store.add(User(UserId(3), "ANA", "guest"), "ana", now_ms=5)
    assert await store.get(UserId(3)) is None
    assert await store.taken(["ana", "ben"]) == {"ana": ANA.id}


async def test_of_many_who_want_a_key_at_once_one_gets_it(store: AccountStore) -> None:
    people = [User(UserId(id), "Ana", "guest") for id in range(1, 21)]
    got = await asyncio.gather(*(store.add(person, "ana", now_ms=5) for person in people))
    assert got.count(True) == 1


async def test_the_first_with_a_role_has_the_smallest_id(store: AccountStore) -> None:
    assert await store.first_with("owner") is None
    await store.add(User(UserId(9), "Later", "owner"), "later", now_ms=5)
    await store.add(User(UserId(4), "Earlier", "owner"), "earlier", now_ms=6)
    await store.add(ANA, "ana", now_ms=1)
    assert await store.first_with("owner") == User(UserId(4), "Earlier", "owner")


async def test_a_new_name_frees_the_old_one(store: AccountStore) -> None:
    await store.add(ANA, "ana", now_ms=5)
    assert await store.rename(ANA.id, "Anna", "anna", now_ms=7)
    assert await store.get(ANA.id) == User(ANA.id, "Anna", "guest")
    assert await store.taken(["ana", "anna"]) == {"anna": ANA.id}


async def test_somebody_else_s_key_cannot_be_taken_by_renaming(store: AccountStore) -> None:
    await store.add(ANA, "ana", now_ms=5)
    await store.add(BEN, "ben", now_ms=5)
    assert not await store.rename(BEN.id, "Ana", "ana", now_ms=7)
    assert await store.get(BEN.id) == BEN


async def test_one_s_own_key_may_be_written_differently(store: AccountStore) -> None:
    await store.add(ANA, "ana", now_ms=5)
    assert await store.rename(ANA.id, "ANA", "ana", now_ms=7)
    assert await store.get(ANA.id) == User(ANA.id, "ANA", "guest")


async def test_nobody_cannot_be_renamed(store: AccountStore) -> None:
    assert not await store.rename(UserId(99), "Ana", "ana", now_ms=7)
    assert await store.taken(["ana"]) == {}


async def test_who_changed_lately_is_found_as_they_are_now(store: AccountStore) -> None:
    await store.add(ANA, "ana", now_ms=5)
    await store.add(BEN, "ben", now_ms=5)
    await store.rename(ANA.id, "Anna", "anna", now_ms=7)
    assert await store.changed_since(7) == [User(ANA.id, "Anna", "guest")]
    assert await store.changed_since(8) == []


async def test_guests_who_stayed_away_are_forgotten_and_the_owner_never(store: AccountStore) -> None:
    await store.add(ANA, "ana", now_ms=100)
    await store.add(BEN, "ben", now_ms=200)
    await store.add(User(UserId(3), "DJ", "owner"), "dj", now_ms=100)
    assert await store.forget(guests_unseen_since_ms=150, now_ms=1_000) == []
    assert await store.taken(["ana", "ben", "dj"]) == {"ben": BEN.id, "dj": UserId(3)}


async def test_who_was_seen_is_not_forgotten(store: AccountStore) -> None:
    await store.add(ANA, "ana", now_ms=100)
    assert await store.seen([ANA.id, BEN.id], now_ms=200, stale_ms=50) == {ANA.id}
    await store.forget(guests_unseen_since_ms=150, now_ms=1_000)
    assert await store.get(ANA.id) == ANA


async def test_being_seen_again_soon_is_not_written(store: AccountStore) -> None:
    await store.add(ANA, "ana", now_ms=100)
    assert await store.seen([ANA.id], now_ms=140, stale_ms=50) == {ANA.id}
    await store.forget(guests_unseen_since_ms=130, now_ms=1_000)
    assert await store.get(ANA.id) is None


async def test_a_refresh_token_is_found_by_its_hash(store: AccountStore) -> None:
    token = refresh_token("first")
    await store.add_refresh(token)
    assert await store.refresh(token.hash) == token
    assert await store.refresh(hash_of("other")) is None


async def test_rotating_marks_the_first_use_and_stores_the_successor(store: AccountStore) -> None:
    first, second, third = refresh_token("first"), refresh_token("second"), refresh_token("third")
    await store.add_refresh(first)
    assert await store.rotate(first.hash, second, now_ms=50)
    assert await store.rotate(first.hash, third, now_ms=60)
    assert await store.refresh(first.hash) == RefreshToken(first.hash, ANA.id, 7, 1_000, used_ms=50)
    assert await store.refresh(second.hash) == second
    assert await store.refresh(third.hash) == third


async def test_a_revoked_token_has_no_successor(store: AccountStore) -> None:
    first, second = refresh_token("first"), refresh_token("second")
    await store.add_refresh(first)
    await store.revoke_family(7)
    assert not await store.rotate(first.hash, second, now_ms=50)
    assert await store.refresh(second.hash) is None


async def test_revoking_ends_one_family_only(store: AccountStore) -> None:
    mine, other = refresh_token("mine"), refresh_token("other", family=8)
    await store.add_refresh(mine)
    await store.add_refresh(other)
    await store.revoke_family(7)
    assert await store.refresh(mine.hash) is None
    assert await store.refresh(other.hash) == other


async def test_expired_refresh_tokens_are_cleared_away(store: AccountStore) -> None:
    old, young = refresh_token("old", expires_ms=100), refresh_token("young", expires_ms=101)
    await store.add_refresh(old)
    await store.add_refresh(young)
    await store.forget(guests_unseen_since_ms=0, now_ms=100)
    assert await store.refresh(old.hash) is None
    assert await store.refresh(young.hash) == young


async def test_an_owner_code_works_once(store: AccountStore) -> None:
    await store.put_owner_code(hash_of("code"), now_ms=5)
    assert not await store.take_owner_code(hash_of("guess"))
    answers = await asyncio.gather(*(store.take_owner_code(hash_of("code")) for _ in range(5)))
    assert answers.count(True) == 1


async def test_a_new_owner_code_replaces_the_old(store: AccountStore) -> None:
    await store.put_owner_code(hash_of("old"), now_ms=5)
    await store.put_owner_code(hash_of("new"), now_ms=6)
    assert not await store.take_owner_code(hash_of("old"))
    assert await store.take_owner_code(hash_of("new"))
