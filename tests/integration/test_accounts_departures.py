"""Deleting an account over real databases: what was begun is finished, and open sockets notice."""

import asyncio
import errno
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from clients import Refused
from gateway_rig import Rig, opened
from whatssound.accounts.departures import Departures
from whatssound.accounts.elsewhere import Elsewhere
from whatssound.accounts.member_store import Registration
from whatssound.accounts.members import Members
from whatssound.accounts.service import GUEST_LIFE_MS
from whatssound.accounts.user import User
from whatssound.adapters.argon2_passwords import Argon2Passwords
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.members import SqlMembers
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.audio.track import Track
from whatssound.config import People
from whatssound.gateway.sweep import SLOTS
from whatssound.ids import TrackId, UserId
from whatssound.wire import events
from whatssound.wire.errors import Refusal


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        yield rig


@pytest.fixture
async def store(tmp_path: Path, rig: Rig) -> AsyncIterator[SqlMembers]:
    database = Database(sqlite_url(tmp_path / "whatssound.sqlite3"))
    yield SqlMembers(database)
    await database.close()


class Again:
    """A back-off that a test ends."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, _seconds: float) -> None:
        self.waits.set()
        await self.go_on.wait()


def departures(rig: Rig, store: SqlMembers, again: Again | None = None) -> Departures:
    return Departures(rig.accounts, store, now_ms=rig.time.now_ms, sleep=again or Again())


async def test_everything_of_theirs_has_gone_when_the_answer_comes(rig: Rig, store: SqlMembers) -> None:
    ana, gone = await rig.guest("Ana"), list[tuple[str, UserId]]()
    async with departures(rig, store) as leaving:
        for what in ("rooms", "uploads"):

            async def step(id: UserId, what: str = what) -> None:
                gone.append((what, id))

            leaving.on_gone(step)
        await leaving.delete(ana)
    assert gone == [("rooms", ana.id), ("uploads", ana.id)]
    assert list(await store.departing()) == []


async def test_a_step_that_fails_keeps_nobody_here_and_is_repeated(rig: Rig, store: SqlMembers) -> None:
    ana, again, tries = await rig.guest("Ana"), Again(), asyncio.Queue[int]()

    async def full_at_first(_id: UserId) -> None:
        tries.put_nowait(1)
        if not again.go_on.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")

    async with departures(rig, store, again) as leaving:
        leaving.on_gone(full_at_first)
        await leaving.delete(ana)
        assert await rig.accounts.person(ana.id) is None
        assert list(await store.departing()) == [ana.id]
        again.go_on.set()
        for _ in range(2):
            await tries.get()
        await asyncio.gather(*leaving._tasks)
    assert list(await store.departing()) == []


async def test_a_departure_that_was_interrupted_is_finished_by_the_next_start(rig: Rig, store: SqlMembers) -> None:
    ana, seen_off = await rig.guest("Ana"), asyncio.Queue[UserId]()
    await store.depart(ana.id, now_ms=5)  # and then the process was killed

    async def step(id: UserId) -> None:
        seen_off.put_nowait(id)

    leaving = departures(rig, store)
    leaving.on_gone(step)
    async with leaving:
        assert await seen_off.get() == ana.id


async def test_of_a_guest_who_stayed_away_for_30_days_nothing_is_left(
    rig: Rig, store: SqlMembers, tmp_path: Path
) -> None:
    ana, ben, cleo = [await rig.guest(name) for name in ("Ana", "Ben", "Cleo")]
    room = await rig.rooms.create(replace(ana, role="owner"), "Late night", events.Settings())
    song = Track(TrackId(1), "upload", "/song", "Song", None, None, duration_ms=1, status="ready", owner_id=ben.id)
    database = Database(sqlite_url(tmp_path / "whatssound.sqlite3"))
    await SqlTracks(database).add([song], added_ms=0)
    await database.close()
    seen_off: list[UserId] = []

    async def step(id: UserId) -> None:
        seen_off.append(id)

    async with departures(rig, store) as leaving:
        leaving.on_gone(rig.rooms.end_rooms_of)
        leaving.on_gone(step)
        rig.time.ms += GUEST_LIFE_MS + 1
        await rig.guest("Dora")
        await asyncio.gather(*leaving._tasks)
    assert [await rig.accounts.person(guest.id) for guest in (ana, ben, cleo)] == [None] * 3
    assert sorted(seen_off) == [ana.id, ben.id]
    assert list(await store.departing()) == []
    assert (await rig.rooms.view(room.id)).snapshot.room.state == "ended"


@pytest.mark.parametrize("role", ["owner", "service"])
async def test_who_owns_the_server_stays(rig: Rig, store: SqlMembers, role: str) -> None:
    async with departures(rig, store) as leaving:
        with pytest.raises(Refusal, match="owns the server"):
            await leaving.delete(User(rig.dj.id, rig.dj.name, role))  # type: ignore[arg-type]
    assert await rig.accounts.person(rig.dj.id) == rig.dj


async def test_sockets_of_somebody_who_is_gone_are_closed_and_stay_out(rig: Rig, store: SqlMembers) -> None:
    room = await rig.room()
    ana, ben = await rig.guest("Ana"), await rig.guest("Ben")
    async with departures(rig, store) as leaving, rig.client(ana) as hers, rig.client(ben) as his:
        for client in (hers, his):
            await client.join(f"room:{room.id}")
        await leaving.delete(ana)
        with pytest.raises(Refused) as refused:
            await hers.push(f"room:{room.id}", "chat:send", text="still here?", nonce="n")
        assert refused.value.code == "unauthorized"
        await hers.lost()
        assert hers.closed_with == (1008, "signed out")
        await hers.connect()
        with pytest.raises(Refused) as refused:
            await hers.join(f"room:{room.id}")
        assert refused.value.code == "unauthorized"
        await his.push(f"room:{room.id}", "chat:send", text="bye", nonce="n")


async def test_a_recall_holds_also_after_a_restart(rig: Rig, store: SqlMembers, tmp_path: Path) -> None:
    ana = await rig.guest("Ana")
    token = rig.accounts.token_for(ana)
    async with departures(rig, store) as leaving:
        await leaving.delete(ana)
    async with opened(tmp_path) as restarted:
        restarted.accounts.recalled(await store.recalled_since(int(rig.time.now_ms()) - 3_600_000))
        with pytest.raises(Refusal):
            restarted.accounts.verify(token)


async def test_a_password_that_was_changed_by_a_command_ends_tokens_of_the_running_server(
    rig: Rig, store: SqlMembers
) -> None:
    room = await rig.room()
    ana = User(UserId(77), "Ana", "user")
    await store.register(Registration(ana, "ana", "hash"), was_guest=False, now_ms=5)
    elsewhere = Elsewhere(rig.accounts, store, now_ms=rig.time.now_ms)
    told: list[UserId] = []
    rig.accounts.on_recalled(lambda id, _: told.append(id))
    async with rig.client(ana) as hers:
        await hers.join(f"room:{room.id}")
        await elsewhere.look()
        assert told == []
        await store.set_password(ana.id, "another hash", now_ms=int(rig.time.now_ms()))
        await elsewhere.look()
        await elsewhere.look()
        assert told == [ana.id]
        with pytest.raises(Refused) as refused:
            await hers.push(f"room:{room.id}", "chat:send", text="still here?", nonce="n")
        assert refused.value.code == "unauthorized"
    rig.accounts.verify(rig.accounts.token_for(ana))


async def test_who_changes_the_password_keeps_the_socket_by_showing_the_new_token(rig: Rig, store: SqlMembers) -> None:
    room = await rig.room()
    ana = User(UserId(77), "Ana", "user")
    await store.register(Registration(ana, "ana", "hash"), was_guest=False, now_ms=5)
    passwords = Argon2Passwords(memory_kib=64)
    members = Members(rig.accounts, store, passwords, people=People(), new_id=lambda: 99, now_ms=rig.time.now_ms)
    async with rig.client(ana) as here, rig.client(ana) as elsewhere:
        for client in (here, elsewhere):
            await client.join(f"room:{room.id}")
        tokens = await members.set_password(ana, "Moonlight Sonata")
        await here.push(f"room:{room.id}", "access_token", access_token=tokens.access_token)
        await elsewhere.lost()
        assert elsewhere.closed_with == (1008, "signed out")
        await here.push(f"room:{room.id}", "chat:send", text="still here", nonce="n")
    await passwords.close()


async def test_a_new_name_and_role_reach_an_open_socket(rig: Rig, store: SqlMembers) -> None:
    room = await rig.room()
    ana, ben = await rig.guest("Ana"), await rig.guest("Ben")
    async with rig.client(ana) as hers, rig.client(ben) as his:
        await hers.join(f"room:{room.id}")
        await his.join(f"room:{room.id}")
        await rig.accounts.rename(ana, "Anna")
        for _ in range(SLOTS):
            rig.gateway._sweep.tick(time.monotonic())
        await hers.push(f"room:{room.id}", "chat:send", text="it is me", nonce="n")
        assert (await his.event("chat"))["user"]["name"] == "Anna"
