"""The set history through the service: exact now, later, after a restart and after a kill."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from room_builders import T0, ManualClock
from room_house import OWNER, House, house
from whatssound.ids import RoomId, TrackId
from whatssound.rooms.catalog import TrackNow
from whatssound.rooms.room import Room
from whatssound.wire.commands import PlaybackPlay, PlaybackSkip
from whatssound.wire.errors import Refusal

PLAYER = Path(__file__).parents[1] / "faults" / "player.py"

Shown = list[tuple[str, int, int | None]]


async def shown(at: House, room: Room) -> Shown:
    """Track, start and end in s since T0, newest first."""
    page = await at.service.plays(room.id, None, 100)
    assert page.next_ms is None
    return [
        (p.entry.track.id, seconds(p.started_ms), None if p.ended_ms is None else seconds(p.ended_ms))
        for p in page.plays
    ]


def seconds(ms: int) -> int:
    return round((ms - T0) / 1_000)


async def playing(at: House, *tracks: int) -> Room:
    room = await at.opened()
    await at.queued(room, *tracks)
    await at.do(room, PlaybackPlay(), device=None)
    return room


async def test_the_history_is_exact_whether_or_not_anybody_looked_in_time(at: House, clock: ManualClock) -> None:
    room = await playing(at, 1, 2, 3)
    assert await shown(at, room) == [("1", 0, None)]
    clock.advance(25_000)
    late = [("3", 20, None), ("2", 10, 20), ("1", 0, 10)]
    assert await shown(at, room) == late, "derived"
    await at.pass_time(0)
    assert await shown(at, room) == late, "stored"


async def test_pages_go_from_what_is_not_saved_yet_into_what_is(at: House, clock: ManualClock) -> None:
    room = await playing(at, 1, 2, 3, 4, 5)
    await at.pass_time(25_000)
    clock.advance(20_000)
    starts: list[int] = []
    before, pages = None, 0
    while pages == 0 or before is not None:
        page = await at.service.plays(room.id, before, 2)
        starts += [seconds(play.started_ms) for play in page.plays]
        before, pages = page.next_ms, pages + 1
    assert starts == [40, 30, 20, 10, 0]


async def test_when_tracks_were_last_played_here(at: House, clock: ManualClock) -> None:
    room = await playing(at, 1, 2, 3)
    await at.pass_time(15_000)
    clock.advance(8_000)
    played = await at.service.played(room.id, [TrackId(n) for n in (1, 2, 3, 9)])
    assert {track: seconds(ms) for track, ms in played.items()} == {1: 0, 2: 10, 3: 20}
    other = await at.opened()
    assert await at.service.played(other.id, [TrackId(1)]) == {}


async def test_a_restart_after_a_long_silence_misses_nothing(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as at:
        room = await playing(at, 1, 2, 3)
        await at.pass_time(15_000)
    clock.advance(40_000)
    async with house(tmp_path, clock, start=2) as at:
        expected = [
            ("3", 50, None),
            ("2", 40, 50),
            ("1", 30, 40),
            ("3", 20, 30),
            ("2", 10, 20),
            ("1", 0, 10),
        ]
        assert await shown(at, room) == expected
        await at.do(room, PlaybackSkip())
        assert (await shown(at, room))[:2] == [("1", 55, None), ("3", 50, 55)]
        assert (await shown(at, room))[2:] == expected[1:]


async def test_a_track_that_failed_meanwhile_keeps_its_title_in_the_history(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as at:
        room = await playing(at, 1, 2)
    clock.advance(3_000)
    async with house(tmp_path, clock, start=2) as at:
        at.shelf.tracks[1] = TrackNow(at.shelf.tracks[1].track, failed=True)
        await at.service.patch(OWNER, room.id, title="Later")
        assert await shown(at, room) == [("2", 3, None), ("1", 0, 3)]
        oldest = (await at.service.plays(room.id, None, 100)).plays[-1].entry
        assert (oldest.track.title, oldest.track.hls, oldest.added_by.name) == ("Track 1", None, "Dana")


async def test_an_ended_room_keeps_its_history(at: House, clock: ManualClock) -> None:
    room = await playing(at, 1, 2)
    clock.advance(12_000)
    await at.service.patch(OWNER, room.id, end=True)
    clock.advance(60_000)
    assert await shown(at, room) == [("2", 10, 12), ("1", 0, 10)]


async def test_a_full_disk_loses_no_play(at: House, clock: ManualClock) -> None:
    room = await playing(at, 1, 2, 3)
    clock.advance(10_000)
    at.kept_rooms.plant("save", "before", 28)
    await at.pass_time(0)
    await at.pass_time(12_000)
    assert await shown(at, room) == [("3", 20, None), ("2", 10, 20), ("1", 0, 10)]


async def test_a_room_that_is_not_there_has_no_history(at: House) -> None:
    with pytest.raises(Refusal, match="not_found"):
        await at.service.plays(RoomId(404), None, 10)


@pytest.mark.parametrize("kill_after", [1, 2, 5, 9, 14])
async def test_a_kill_at_any_moment_loses_and_doubles_no_play(tmp_path: Path, kill_after: int) -> None:
    """A process that plays 10-second tracks as fast as it can save them is killed; the next one goes on."""
    player = await asyncio.create_subprocess_exec(
        sys.executable, PLAYER, tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert player.stdout is not None
    for _ in range(kill_after):
        line = await player.stdout.readline()
    player.send_signal(signal.SIGKILL)
    rest, _ = await player.communicate()  # it may have gone on before the signal came
    room_id, told_ms = (line + rest).decode().splitlines()[-1].split()
    clock = ManualClock(float(told_ms) + 60_000)
    async with house(tmp_path, clock, start=2) as at:
        for _ in range(2):  # derived, then stored
            page = await at.service.plays((await at.service.find(room_id)).id, None, 100)
            starts = [seconds(play.started_ms) for play in page.plays]
            assert starts == list(range(starts[0], -1, -10))
            assert [p.ended_ms for p in page.plays[1:]] == [p.started_ms for p in page.plays[:-1]]
            assert page.plays[0].ended_ms is None
            assert starts[0] == seconds(int(clock()) // 10_000 * 10_000)
            await at.service.sweep()
            await at.service.settle()


async def test_who_goes_leaves_no_open_room_and_no_name_behind(at: House, clock: ManualClock) -> None:
    rooms = [await playing(at, 1, 2), await playing(at, 3), await playing(at, 4)]
    await at.service.patch(OWNER, rooms[2].id, end=True)
    clock.advance(12_000)
    await at.service.forget_person(OWNER.id)
    for room in rooms:
        left = await at.service.find(room.slug)
        assert (left.ended, left.dj.name) == (True, "")
    plays = (await at.service.plays(rooms[0].id, None, 10)).plays
    assert [(play.entry.track.id, play.entry.added_by.name) for play in plays] == [("2", ""), ("1", "")]
    assert await at.service.end_rooms_of(OWNER.id) == 0
