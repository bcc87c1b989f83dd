"""Rooms and their tracks: what is added, what becomes known of it, what is encoded and kept for it."""

from pathlib import Path

import pytest

from room_builders import T0, ManualClock, track
from room_house import OWNER, House, house
from whatssound.rooms.catalog import TrackNow
from whatssound.wire.commands import PlaybackPlay, QueueAdd, QueueAddMany
from whatssound.wire.errors import Refusal


async def test_a_nonce_adds_one_entry_also_when_the_track_is_gone_since(at: House) -> None:
    room = await at.opened()
    add = QueueAdd(track_id="1", nonce="once")
    first = await at.do(room, add)
    at.shelf.tracks.clear()
    assert await at.do(room, add) == first
    assert len((await at.service.find(str(room.id))).queue.entries) == 1


async def test_an_unknown_track_is_refused(at: House) -> None:
    room = await at.opened()
    with pytest.raises(Refusal, match="no such track"):
        await at.do(room, QueueAdd(track_id="404", nonce="n"))
    with pytest.raises(Refusal, match="not an id"):
        await at.do(room, QueueAdd(track_id="9999999999999999999", nonce="n"))


async def test_a_track_whose_length_becomes_known_moves_its_end(at: House) -> None:
    at.shelf.tracks[1] = TrackNow(track(1, 0))
    room = await at.opened()
    await at.queued(room, 1, 2)
    await at.do(room, PlaybackPlay(), device=None)
    at.service.track_changed(track(1, 4_000))
    await at.service.settle()
    await at.pass_time(4_000)
    shown = (await at.service.find(room.slug)).playback
    assert shown.entry is not None
    assert (shown.entry.track.id, shown.anchor_ms) == ("2", T0 + 4_000)


async def test_a_track_that_fails_leaves_every_queue(at: House) -> None:
    one, two = await at.opened("One"), await at.opened("Two")
    await at.queued(one, 1, 2)
    await at.queued(two, 2)
    at.service.track_changed(track(2), failed=True)
    await at.service.settle()
    assert [len((await at.service.find(room.slug)).queue.entries) for room in (one, two)] == [1, 0]


async def test_what_was_learnt_while_the_server_was_down_is_taken_up(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as before:
        room = await before.opened()
        await before.queued(room, 1, 2)
    async with house(tmp_path, clock, start=2) as now:
        now.shelf.tracks[1] = TrackNow(track(1), failed=True)
        now.shelf.tracks[2] = TrackNow(track(2, 7_000))
        await now.do(room, PlaybackPlay(), device=None)
        shown = (await now.service.find(room.slug)).playback
        assert (shown.entry_id is not None, shown.duration_ms) == (True, 7_000)


async def test_what_will_be_heard_is_encoded_in_that_order(at: House) -> None:
    room = await at.opened()
    _, _, third = await at.queued(room, 1, 2, 3)
    await at.do(room, PlaybackPlay(entry_id=third))
    await at.service.settle()
    assert at.shelf.wanted == [3, 1, 2]


async def test_several_tracks_are_added_at_once_and_a_retry_finds_the_same_entries(at: House) -> None:
    room = await at.opened()
    first = await at.do(room, QueueAddMany(track_ids=["3", "1", "3"], nonce="n"))
    assert await at.do(room, QueueAddMany(track_ids=["3", "1", "3"], nonce="n")) == first
    queue = (await at.service.find(room.slug)).queue.entries
    assert [entry.id for entry in queue] == first["entry_ids"]
    assert [entry.track.id for entry in queue] == ["3", "1", "3"]
    assert [name for name, _, _ in at.told] == ["queue"]
    assert at.shelf.wanted == [3, 1]


async def test_tracks_that_are_gone_or_cannot_be_played_are_named_and_nothing_is_added(at: House) -> None:
    room = await at.opened()
    at.shelf.tracks[2] = TrackNow(track(2), failed=True)
    at.shelf.tracks[3] = TrackNow(track(3), reachable=False)
    with pytest.raises(Refusal, match="leave them out") as refused:
        await at.do(room, QueueAddMany(track_ids=["1", "99", "2", "99", "3"], nonce="n"))
    assert (refused.value.code, refused.value.details) == ("not_found", {"track_ids": ["99", "2", "3"]})
    assert (await at.service.find(room.slug)).queue.entries == ()


async def test_tracks_of_open_rooms_are_needed_whether_the_room_is_in_memory_or_not(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with house(tmp_path, clock) as at:
        playing, waiting, ended = await at.opened(), await at.opened(), await at.opened()
        await at.queued(playing, 1, 2, 3, 4)
        await at.do(playing, PlaybackPlay())
        await at.queued(waiting, 5, 5)
        await at.queued(ended, 6)
        await at.service.patch(OWNER, ended.id, end=True)
        assert await at.service.queued_tracks() == {1, 2, 3, 4, 5}
        await at.pass_time(25_000)  # track 3 sounds, and who is behind still hears track 2
        assert await at.service.queued_tracks() == {2, 3, 4, 5}
    async with house(tmp_path, clock, start=2) as later:
        assert await later.service.queued_tracks() == {2, 3, 4, 5}
        assert later.service.statistics().held == 0
