"""Accounts on a real database: names, the owner's code, and refresh tokens that are stolen, shared and lost."""

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from whatssound.accounts.service import Accounts
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.user import User
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.ids import Snowflakes, UserId
from whatssound.wire.errors import Refusal

DAY_MS = 24 * 3_600 * 1_000


class Clock:
    """Server time that a test moves."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000.0

    def __call__(self) -> float:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def rows(tmp_path: Path) -> AsyncIterator[SqlAccounts]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    yield SqlAccounts(database)
    await database.close()


@pytest.fixture
def accounts(rows: SqlAccounts, clock: Clock) -> Accounts:
    tokens = AccessTokens(b"k" * 32, now_ms=clock)
    return Accounts(rows, tokens, new_id=Snowflakes(clock).next, now_ms=clock)


async def refused(awaitable: object) -> str:
    with pytest.raises(Refusal) as refusal:
        await awaitable  # type: ignore[misc]
    return refusal.value.code


async def test_a_guest_gets_tokens_that_speak_for_them(accounts: Accounts) -> None:
    user, tokens = await accounts.guest("  Ana\u200b  María ")
    assert user.name == "Ana María"
    assert tokens.user == accounts.shown(user)
    identity = accounts.verify(tokens.access_token)
    assert (identity.user_id, identity.name, identity.role) == (user.id, "Ana María", "guest")
    assert await accounts.user(identity) == user


async def test_a_name_that_somebody_has_gets_a_number(accounts: Accounts) -> None:
    names = [(await accounts.guest(name))[0].name for name in ("Ana", "ANA", "ａｎａ", "Ana 2")]
    assert names == ["Ana", "ANA 2", "ana 3", "Ana 2 2"]


async def test_many_who_come_at_once_with_one_name_all_get_different_ones(accounts: Accounts) -> None:
    people = await asyncio.gather(*(accounts.guest("Guest") for _ in range(40)))
    names = {user.name for user, _ in people}
    assert len(names) == 40
    assert {"Guest", *(f"Guest {number}" for number in range(2, 10))} <= names


async def test_many_processes_that_name_people_at_once_all_succeed(rows: SqlAccounts, clock: Clock) -> None:
    tokens, new_id = AccessTokens(b"k" * 32, now_ms=clock), Snowflakes(clock).next
    processes = [Accounts(rows, tokens, new_id=new_id, now_ms=clock) for _ in range(20)]
    people = await asyncio.gather(*(accounts.guest("Guest") for accounts in processes))
    assert len({user.name for user, _ in people}) == 20


async def test_a_long_name_that_is_taken_still_fits(accounts: Accounts) -> None:
    await accounts.guest("a" * 32)
    user, _ = await accounts.guest("A" * 32)
    assert user.name == "A" * 30 + " 2"


async def test_the_owner_s_name_is_protected(accounts: Accounts) -> None:
    owner = await accounts.owner()
    assert (owner.name, owner.role) == ("DJ", "owner")
    assert (await accounts.guest("dj"))[0].name == "dj 2"
    assert await accounts.owner() == owner


@pytest.mark.parametrize("name", ["", "   ", "\u200b", "\u3164", "a" * 33, "\u0301"])
async def test_a_name_that_shows_nothing_or_too_much_is_invalid(accounts: Accounts, name: str) -> None:
    assert await refused(accounts.guest(name)) == "invalid"


async def test_renaming_follows_the_same_rules(accounts: Accounts) -> None:
    ana, _ = await accounts.guest("Ana")
    ben, tokens = await accounts.guest("Ben")
    assert (await accounts.rename(ben, "ana")).name == "ana 2"
    assert (await accounts.rename(ana, "ANA")).name == "ANA"
    assert (await accounts.user(accounts.verify(tokens.access_token))).name == "ana 2"
    assert await refused(accounts.rename(ana, " ")) == "invalid"


async def test_a_guest_who_stays_away_frees_their_name(accounts: Accounts, clock: Clock) -> None:
    _, tokens = await accounts.guest("Ana")
    identity = accounts.verify(tokens.access_token)
    clock.now_ms += 30 * DAY_MS + 1
    assert (await accounts.guest("Ana"))[0].name == "Ana"
    assert await refused(accounts.user(identity)) == "unauthorized"


async def test_a_guest_who_comes_back_keeps_their_name(accounts: Accounts, clock: Clock) -> None:
    _, tokens = await accounts.guest("Ana")
    for _ in range(3):
        clock.now_ms += 20 * DAY_MS
        _, tokens = await accounts.refresh(tokens.refresh_token)
    assert (await accounts.guest("Ana"))[0].name == "Ana 2"


async def test_an_owner_code_signs_the_owner_in_once(accounts: Accounts) -> None:
    code = await accounts.new_owner_code()
    user, tokens = await accounts.owner_by_code(code)
    assert (user.role, tokens.user.role) == ("owner", "owner")
    assert accounts.verify(tokens.access_token).role == "owner"
    assert await refused(accounts.owner_by_code(code)) == "unauthorized"


async def test_a_new_owner_code_replaces_the_old(accounts: Accounts) -> None:
    old, new = await accounts.new_owner_code(), await accounts.new_owner_code()
    assert await refused(accounts.owner_by_code(old)) == "unauthorized"
    assert (await accounts.owner_by_code(new))[0] == await accounts.owner()


async def test_a_refresh_gives_new_tokens_for_the_same_person(accounts: Accounts, clock: Clock) -> None:
    user, old = await accounts.guest("Ana")
    clock.now_ms += 48 * 60_000
    again, new = await accounts.refresh(old.refresh_token)
    assert again == user
    assert new.refresh_token != old.refresh_token
    assert accounts.verify(new.access_token).expires_ms == clock.now_ms + 3_600_000


async def test_two_tabs_may_refresh_with_one_token_at_the_same_time(accounts: Accounts, clock: Clock) -> None:
    _, tokens = await accounts.guest("Ana")
    _, first = await accounts.refresh(tokens.refresh_token)
    clock.now_ms += 30_000
    _, second = await accounts.refresh(tokens.refresh_token)
    await accounts.refresh(first.refresh_token)
    await accounts.refresh(second.refresh_token)


async def test_a_used_token_shown_later_ends_the_whole_sign_in(accounts: Accounts, clock: Clock) -> None:
    _, stolen = await accounts.guest("Ana")
    _, tokens = await accounts.refresh(stolen.refresh_token)
    clock.now_ms += 30_001
    assert await refused(accounts.refresh(stolen.refresh_token)) == "unauthorized"
    assert await refused(accounts.refresh(tokens.refresh_token)) == "unauthorized"


async def test_ending_one_sign_in_leaves_the_others(accounts: Accounts, clock: Clock) -> None:
    _, laptop = await accounts.owner_by_code(await accounts.new_owner_code())
    _, phone = await accounts.owner_by_code(await accounts.new_owner_code())
    await accounts.refresh(laptop.refresh_token)
    clock.now_ms += 31_000
    assert await refused(accounts.refresh(laptop.refresh_token)) == "unauthorized"
    await accounts.refresh(phone.refresh_token)


async def test_a_refresh_token_lives_30_days(accounts: Accounts, clock: Clock) -> None:
    _, tokens = await accounts.owner_by_code(await accounts.new_owner_code())
    clock.now_ms += 30 * DAY_MS
    assert await refused(accounts.refresh(tokens.refresh_token)) == "unauthorized"


async def test_an_unknown_refresh_token_is_refused(accounts: Accounts) -> None:
    assert await refused(accounts.refresh("")) == "unauthorized"
    assert await refused(accounts.refresh("\ud800")) == "unauthorized"


async def test_a_token_may_carry_less_than_its_person_has(accounts: Accounts) -> None:
    owner = await accounts.owner()
    as_guest = accounts.verify(accounts.token_for(owner, "guest"))
    assert await accounts.user(as_guest) == User(owner.id, owner.name, "guest")


async def test_a_token_without_a_person_only_reads(accounts: Accounts) -> None:
    identity = accounts.verify(accounts.token_for(None))
    assert (identity.user_id, identity.role) == (None, "anon")
    assert await refused(accounts.user(identity)) == "forbidden"


async def test_an_account_made_by_hand_is_made_once(accounts: Accounts) -> None:
    first = await accounts.account("Radio", "service")
    assert await accounts.account("radio", "service") == first
    assert (await accounts.account("Radio", "user")).name == "Radio 2"


async def test_the_name_of_a_person_who_is_gone_cannot_be_changed(accounts: Accounts) -> None:
    assert await refused(accounts.rename(User(UserId(5), "Ghost", "guest"), "Casper")) == "conflict"


async def test_a_full_disk_keeps_nobody_out(accounts: Accounts, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    user, tokens = await accounts.guest("Ana")
    clock.now_ms += 2 * 3_600_000
    identity = accounts.verify(accounts.token_for(user))

    async def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SqlAccounts, "seen", full)
    assert (await accounts.user(identity)).name == tokens.user.name
    await accounts.sightings.write()
    assert accounts.sightings.statistics().waiting == 1  # noted, for when there is room again
