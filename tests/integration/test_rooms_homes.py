"""A ban holds for a day against new guest accounts from the same home, and then nothing of that home is left."""

import sqlite3
from pathlib import Path

from room_builders import T0, ManualClock
from room_house import LEO, MIA, OWNER, House, house
from whatssound.accounts.user import Identity, Role
from whatssound.ids import UserId, first_id_at
from whatssound.rooms.homes import HOME_LIFE_MS, TIDY_EVERY_MS
from whatssound.rooms.room import Room
from whatssound.wire.commands import MemberBan
from whatssound.wire.errors import Refusal

HOME, ELSEWHERE = "203.0.113.9", "198.51.100.1"
DAY_MS = 24 * 3_600 * 1_000


def made_at(ms: float, role: Role = "guest") -> Identity:
    """Somebody whose account was made at that time."""
    return Identity(UserId(first_id_at(int(ms))), "Somebody", role, 0)


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def banned(at: House, *homes: str) -> Room:
    """A room from which Leo was banned, who came from `homes`."""
    room = await at.opened()
    for home in homes:
        at.service.visited(room.id, LEO.id, home)
    await at.do(room, MemberBan(user_id=str(LEO.id)), by=OWNER)
    return await at.service.find(room.slug)


async def is_let_in(at: House, room: Room, who: Identity, home: str) -> bool:
    try:
        await at.service.admit(await at.service.find(room.slug), who, home)
    except Refusal as refusal:
        if refusal.code != "banned":
            raise
        return False
    return True


async def test_a_guest_made_after_the_ban_is_kept_out_from_every_home_of_the_banned(
    at: House, clock: ManualClock
) -> None:
    room = await banned(at, HOME, ELSEWHERE)
    newcomer = made_at(clock() + 1)
    assert not await is_let_in(at, room, newcomer, HOME)
    assert not await is_let_in(at, room, newcomer, ELSEWHERE)
    assert await is_let_in(at, room, newcomer, "192.0.2.7")


async def test_who_was_there_before_or_has_an_account_is_let_in_from_the_same_home(
    at: House, clock: ManualClock
) -> None:
    room = await banned(at, HOME)
    assert await is_let_in(at, room, made_at(clock() - 1), HOME)
    for role in ("user", "invited", "owner"):
        assert await is_let_in(at, room, made_at(clock() + 1, role), HOME)
    assert await is_let_in(at, room, Identity(None, "", "anon", 0), HOME)


async def test_without_a_home_nobody_is_taken_for_somebody_else(at: House, clock: ManualClock) -> None:
    room = await banned(at, "")
    assert await is_let_in(at, room, made_at(clock() + 1), "")


async def test_the_ban_is_the_room_s_and_ends_when_it_is_lifted(at: House, clock: ManualClock) -> None:
    room, other = await banned(at, HOME), await at.opened("Other")
    newcomer = made_at(clock() + 1)
    assert await is_let_in(at, other, newcomer, HOME)
    await at.do(room, MemberBan(user_id=str(LEO.id), banned=False))
    assert await is_let_in(at, room, newcomer, HOME)
    assert await is_let_in(at, room, Identity(LEO.id, "Leo", "guest", 0), HOME)


async def test_lifting_one_of_two_bans_leaves_the_other(at: House, clock: ManualClock) -> None:
    room = await banned(at, HOME)
    at.service.visited(room.id, MIA.id, HOME)
    await at.do(room, MemberBan(user_id=str(MIA.id)))
    await at.do(room, MemberBan(user_id=str(LEO.id), banned=False))
    assert not await is_let_in(at, room, made_at(clock() + 1), HOME)


async def test_who_left_before_the_ban_is_kept_out_too_for_a_day(at: House, clock: ManualClock) -> None:
    room = await at.opened()
    at.service.visited(room.id, LEO.id, HOME)
    clock.advance(DAY_MS / 2)
    await at.do(room, MemberBan(user_id=str(LEO.id)))
    newcomer = made_at(clock() + 1)
    assert not await is_let_in(at, room, newcomer, HOME)
    clock.advance(DAY_MS / 2)  # a day after the visit, not after the ban
    assert await is_let_in(at, room, newcomer, HOME)


async def test_the_ban_survives_a_restart_and_a_second_ban_does_not_weaken_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with house(tmp_path, clock) as at:
        room = await banned(at, HOME)
        newcomer = made_at(clock() + 1)
        clock.advance(60_000)
        await at.do(room, MemberBan(user_id=str(LEO.id)))
        assert not await is_let_in(at, room, newcomer, HOME)
    async with house(tmp_path, clock, start=2) as at:
        assert not await is_let_in(at, room, newcomer, HOME)


async def test_after_a_day_nothing_of_a_home_is_left_in_memory_or_on_disk(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as at:
        room = await banned(at, HOME)
        at.service.visited(room.id, MIA.id, ELSEWHERE)
        assert at.service.statistics().visits == 2
        await at.service.sweep()
        with sqlite3.connect(tmp_path / "whatssound.sqlite3") as rows:
            [(hashed,)] = rows.execute("SELECT home FROM home_bans").fetchall()
            rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert hashed in (tmp_path / "whatssound.sqlite3").read_bytes()
        clock.advance(HOME_LIFE_MS - 1)
        await at.service.sweep()
        assert not await is_let_in(at, room, made_at(clock()), HOME)
        clock.advance(TIDY_EVERY_MS)
        assert clock() < T0 + DAY_MS
        assert await is_let_in(at, room, made_at(clock()), HOME)
        await at.service.sweep()
        assert at.service.statistics().visits == 0
        with sqlite3.connect(tmp_path / "whatssound.sqlite3") as rows:
            assert rows.execute("SELECT * FROM home_bans").fetchall() == []
            rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept = everything_in(tmp_path)
        assert hashed not in kept
        assert HOME.encode() not in kept
        assert not await is_let_in(at, room, Identity(LEO.id, "Leo", "guest", 0), ELSEWHERE), "the account stays banned"


async def test_visits_are_bounded_and_the_oldest_make_way(at: House, clock: ManualClock) -> None:
    room = await at.opened()
    for n in range(12):
        at.service.visited(room.id, UserId(100 + n), HOME)
    at.service.visited(room.id, LEO.id, HOME)
    assert at.service.statistics().visits == 10
