"""What every MemberStore must do, whatever keeps the rows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from whatssound.accounts.invitation import Invitation
from whatssound.accounts.member_store import MemberStore, Registration
from whatssound.accounts.store import AccountStore
from whatssound.accounts.tokens import RefreshToken, hash_of
from whatssound.accounts.user import Role, User
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.members import SqlMembers
from whatssound.ids import UserId

OWNER = User(UserId(1), "DJ", "owner")
NOW = 1_000_000


@dataclass
class Stores:
    people: AccountStore
    members: MemberStore

    async def registered(self, id: int, name: str, role: Role = "user") -> User:
        user = User(UserId(id), name, role)
        assert await self.members.register(Registration(user, name.lower(), "hash"), was_guest=False, now_ms=NOW) == (
            "done"
        )
        return user


@pytest.fixture(params=["sqlite"])
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    yield Stores(SqlAccounts(database), SqlMembers(database))
    await database.close()


def invitation(id: int = 5, *, uses: int = 1, expires_ms: int = NOW + 10) -> Invitation:
    return Invitation(id, hash_of(f"code {id}"), OWNER.id, NOW, expires_ms, uses)


def wanting(id: int, name: str, *, role: Role = "user", code: int | None = None) -> Registration:
    return Registration(
        User(UserId(id), name, role), name.lower(), "hash", None if code is None else hash_of(f"code {code}")
    )


async def test_who_registers_is_a_person_with_a_password(stores: Stores) -> None:
    ana = await stores.registered(2, "Ana")
    assert await stores.people.by_key("ana") == ana
    assert await stores.members.password_of(ana.id) == "hash"
    assert await stores.members.password_of(UserId(9)) is None


async def test_a_guest_becomes_an_account_under_the_same_id(stores: Stores) -> None:
    await stores.people.add(User(UserId(2), "Ana 7", "guest"), "ana 7", now_ms=5)
    assert await stores.members.register(wanting(2, "Ana"), was_guest=True, now_ms=NOW) == "done"
    assert await stores.people.get(UserId(2)) == User(UserId(2), "Ana", "user")
    assert await stores.people.taken(["ana 7", "ana"]) == {"ana": UserId(2)}


async def test_registering_and_being_invited_are_changes(stores: Stores) -> None:
    await stores.people.add(User(UserId(2), "Ana", "guest"), "ana", now_ms=5)
    await stores.registered(3, "Ben")
    await stores.members.register(wanting(2, "Anna"), was_guest=True, now_ms=NOW)
    await stores.members.invite(invitation(expires_ms=NOW + 10), max_open=10)
    assert await stores.members.accept(UserId(3), hash_of("code 5"), now_ms=NOW + 1)
    changed = [User(UserId(2), "Anna", "user"), User(UserId(3), "Ben", "invited")]
    assert await stores.people.changed_since(NOW) == changed
    assert await stores.people.changed_since(NOW + 1) == changed[1:]


async def test_who_has_an_account_is_never_tidied_away(stores: Stores) -> None:
    await stores.people.add(User(UserId(2), "Ana", "guest"), "ana", now_ms=5)
    await stores.members.register(wanting(2, "Ana"), was_guest=True, now_ms=6)
    await stores.people.forget(guests_unseen_since_ms=NOW, now_ms=NOW)
    assert await stores.people.get(UserId(2)) is not None


async def test_a_name_that_somebody_has_registers_nobody(stores: Stores) -> None:
    await stores.registered(2, "Ana")
    await stores.people.add(User(UserId(3), "Ben", "guest"), "ben", now_ms=5)
    assert await stores.members.register(wanting(4, "ana"), was_guest=False, now_ms=NOW) == "name_taken"
    assert await stores.members.register(wanting(3, "ana"), was_guest=True, now_ms=NOW) == "name_taken"
    assert await stores.people.get(UserId(4)) is None
    assert await stores.people.get(UserId(3)) == User(UserId(3), "Ben", "guest")
    assert await stores.members.password_of(UserId(3)) is None


async def test_only_a_guest_who_is_there_becomes_an_account(stores: Stores) -> None:
    await stores.people.add(OWNER, "dj", now_ms=5)
    for nobody in (1, 8):
        assert await stores.members.register(wanting(nobody, "Eve"), was_guest=True, now_ms=NOW) == "gone"
    assert await stores.people.taken(["eve", "dj"]) == {"dj": OWNER.id}


async def test_registering_by_invitation_spends_one_use(stores: Stores) -> None:
    await stores.members.invite(invitation(uses=2), max_open=10)
    assert await stores.members.register(wanting(2, "Ana", code=5), was_guest=False, now_ms=NOW) == "done"
    [left] = await stores.members.invitations(now_ms=NOW)
    assert left.uses_left == 1


async def test_a_registration_that_fails_spends_nothing(stores: Stores) -> None:
    await stores.members.invite(invitation(), max_open=10)
    await stores.registered(2, "Ana")
    assert await stores.members.register(wanting(3, "Ana", code=5), was_guest=False, now_ms=NOW) == "name_taken"
    assert (await stores.members.invitations(now_ms=NOW))[0].uses_left == 1


@pytest.mark.parametrize("now_ms", [NOW, NOW + 10])
async def test_a_spent_or_expired_invitation_registers_nobody(stores: Stores, now_ms: int) -> None:
    await stores.members.invite(invitation(uses=1 if now_ms > NOW else 0), max_open=10)
    assert await stores.members.register(wanting(2, "Ana", code=5), was_guest=False, now_ms=now_ms) == "not_open"
    assert await stores.people.get(UserId(2)) is None


async def test_of_many_who_register_for_the_last_use_one_does(stores: Stores) -> None:
    await stores.members.invite(invitation(), max_open=10)
    answers = await asyncio.gather(
        *(stores.members.register(wanting(n, f"P{n}", code=5), was_guest=False, now_ms=NOW) for n in range(2, 12))
    )
    assert (answers.count("done"), answers.count("not_open")) == (1, 9)


async def test_of_two_who_accept_the_last_use_one_becomes_invited(stores: Stores) -> None:
    people = [await stores.registered(id, f"P{id}") for id in (2, 3)]
    await stores.members.invite(invitation(), max_open=10)
    answers = await asyncio.gather(*(stores.members.accept(user.id, hash_of("code 5"), now_ms=NOW) for user in people))
    assert sorted(answers) == [False, True]
    roles = [(await stores.people.get(user.id) or OWNER).role for user in people]
    assert sorted(roles) == ["invited", "user"]


async def test_accepting_changes_nobody_else_and_spends_nothing_on_them(stores: Stores) -> None:
    await stores.people.add(OWNER, "dj", now_ms=5)
    await stores.people.add(User(UserId(2), "Ben", "guest"), "ben", now_ms=5)
    await stores.members.invite(invitation(), max_open=10)
    for id in (OWNER.id, UserId(2), UserId(99)):
        assert not await stores.members.accept(id, hash_of("code 5"), now_ms=NOW)
    assert (await stores.members.invitations(now_ms=NOW))[0].uses_left == 1
    assert await stores.people.get(OWNER.id) == OWNER


async def test_an_invitation_that_was_taken_back_is_not_there(stores: Stores) -> None:
    await stores.registered(2, "Ana")
    await stores.members.invite(invitation(), max_open=10)
    assert await stores.members.invitation(hash_of("code 5")) == invitation()
    assert await stores.members.take_back(5)
    assert not await stores.members.take_back(5)
    assert await stores.members.invitation(hash_of("code 5")) is None
    assert not await stores.members.accept(UserId(2), hash_of("code 5"), now_ms=NOW)


async def test_open_invitations_are_bounded_and_closed_ones_make_room(stores: Stores) -> None:
    for id in (5, 6):
        assert await stores.members.invite(invitation(id), max_open=2)
    assert not await stores.members.invite(invitation(7), max_open=2)
    assert [known.id for known in await stores.members.invitations(now_ms=NOW)] == [6, 5]
    later = Invitation(8, hash_of("code 8"), OWNER.id, NOW + 10, NOW + 20, 1)
    assert await stores.members.invite(later, max_open=2)
    assert [known.id for known in await stores.members.invitations(now_ms=NOW + 10)] == [8]


async def test_a_new_password_ends_every_sign_in_of_that_person_alone(stores: Stores) -> None:
    ana, ben = await stores.registered(2, "Ana"), await stores.registered(3, "Ben")
    for user, text in ((ana, "phone"), (ana, "laptop"), (ben, "other")):
        await stores.people.add_refresh(RefreshToken(hash_of(text), user.id, len(text), NOW))
    assert await stores.members.set_password(ana.id, "new hash", now_ms=NOW)
    assert await stores.members.password_of(ana.id) == "new hash"
    assert await stores.people.refresh(hash_of("phone")) is None
    assert await stores.people.refresh(hash_of("laptop")) is None
    assert await stores.people.refresh(hash_of("other")) is not None
    assert await stores.members.recalled_since(NOW) == {ana.id: NOW}


async def test_the_first_password_of_the_owner_is_set_the_same_way(stores: Stores) -> None:
    await stores.people.add(OWNER, "dj", now_ms=5)
    assert await stores.members.set_password(OWNER.id, "hash", now_ms=NOW)
    assert await stores.members.password_of(OWNER.id) == "hash"


async def test_nobody_gets_no_password(stores: Stores) -> None:
    assert not await stores.members.set_password(UserId(9), "hash", now_ms=NOW)
    assert await stores.members.password_of(UserId(9)) is None


async def test_hashing_anew_ends_no_sign_in_and_never_undoes_a_change(stores: Stores) -> None:
    ana = await stores.registered(2, "Ana")
    await stores.people.add_refresh(RefreshToken(hash_of("phone"), ana.id, 1, NOW))
    await stores.members.replace_hash(ana.id, "hash", "better hash")
    assert await stores.members.password_of(ana.id) == "better hash"
    assert await stores.people.refresh(hash_of("phone")) is not None
    await stores.members.replace_hash(ana.id, "hash", "late hash")
    assert await stores.members.password_of(ana.id) == "better hash"


async def test_who_departs_leaves_no_sign_in_no_password_and_a_free_name(stores: Stores) -> None:
    ana = await stores.registered(2, "Ana")
    await stores.people.add_refresh(RefreshToken(hash_of("phone"), ana.id, 1, NOW))
    mine = Invitation(5, hash_of("code 5"), ana.id, NOW, NOW + 10, 1)
    await stores.members.invite(mine, max_open=10)
    assert await stores.members.depart(ana.id, now_ms=NOW)
    assert await stores.people.get(ana.id) is None
    assert await stores.people.taken(["ana"]) == {}
    assert await stores.members.password_of(ana.id) is None
    assert await stores.people.refresh(hash_of("phone")) is None
    assert await stores.members.invitation(mine.code_hash) is None
    assert await stores.members.recalled_since(NOW) == {ana.id: NOW}
    assert await stores.members.recalled_since(NOW + 1) == {}


async def test_a_departure_is_remembered_until_nothing_is_left(stores: Stores) -> None:
    ana = await stores.registered(2, "Ana")
    assert await stores.members.depart(ana.id, now_ms=NOW)
    assert not await stores.members.depart(ana.id, now_ms=NOW)
    assert list(await stores.members.departing()) == [ana.id]
    await stores.members.departed(ana.id)
    assert list(await stores.members.departing()) == []
    assert await stores.members.recalled_since(NOW) == {ana.id: NOW}
