"""Rooms and chat when something fails: full disks, lost answers, too many at once, real time."""

import asyncio
import errno
from pathlib import Path

import pytest

from room_builders import ManualClock, track
from room_house import LEO, House, house
from whatssound.bus.log import LogEvent
from whatssound.bus.timeline import Timeline
from whatssound.rooms.catalog import TrackNow
from whatssound.rooms.owned import MAX_WAITING
from whatssound.wire.commands import ChatSend, PlaybackPause, PlaybackPlay, QueueAdd
from whatssound.wire.errors import Refusal
from whatssound.wire.record import decode_record


async def test_a_full_disk_is_told_to_the_dj_and_nobody_hears_of_what_was_not_saved(at: House) -> None:
    room = await at.opened()
    await at.queued(room, 1)
    told = len(at.told)
    at.kept_rooms.plant("save", "before", errno.ENOSPC)
    with pytest.raises(Refusal) as refused:
        await at.do(room, PlaybackPlay())
    assert refused.value.code == "disk_full"
    assert len(at.told) == told
    assert not (await at.service.find(room.slug)).playback.playing
    await at.do(room, PlaybackPlay())
    assert (await at.service.find(room.slug)).playback.playing


async def test_a_save_whose_answer_was_lost_is_told_by_the_next_command(at: House) -> None:
    room = await at.opened()
    await at.queued(room, 1)
    at.kept_rooms.plant("save", "after", errno.EIO)
    with pytest.raises(Refusal) as refused:
        await at.do(room, PlaybackPlay())
    assert (refused.value.code, refused.value.retry_after_ms) == ("unavailable", 2_000)
    await at.do(room, PlaybackPause())
    playing = [told["playing"] for name, _, told in at.told if name == "playback"]
    assert playing == [True, False]


async def test_a_tick_that_failed_is_tried_again(at: House) -> None:
    room = await at.opened()
    await at.queued(room, 1, 2)
    await at.do(room, PlaybackPlay(), device=None)
    at.kept_rooms.plant("save", "before", errno.ENOSPC)
    at.told.clear()
    await at.pass_time(10_000)
    assert at.told == []
    assert at.service.statistics().failures == 1
    await at.pass_time(1_000)
    assert [name for name, _, _ in at.told] == ["playback", "queue"]


async def test_a_full_disk_is_told_to_the_sender_and_the_retry_gets_through(at: House) -> None:
    room = await at.opened()
    at.kept_messages.plant("append", "before", errno.ENOSPC)
    with pytest.raises(Refusal) as refused:
        await at.do(room, ChatSend("hello", "n1"), by=LEO)
    assert refused.value.code == "disk_full"
    assert at.told == []
    await at.do(room, ChatSend("hello", "n1"), by=LEO)
    assert [chat["text"] for _, _, chat in at.told] == ["hello"]


async def test_a_message_whose_answer_was_lost_is_there_once_after_the_retry(at: House) -> None:
    room = await at.opened()
    at.kept_messages.plant("append", "after", errno.EIO)
    with pytest.raises(Refusal) as refused:
        await at.do(room, ChatSend("hello", "n1"), by=LEO)
    assert refused.value.code == "unavailable"
    await at.do(room, ChatSend("hello", "n1"), by=LEO)
    assert [m.text for m in (await at.messages.page(room.id)).messages] == ["hello"]
    assert len(at.told) == 1


async def test_too_many_commands_at_once_are_refused_and_the_others_done(at: House) -> None:
    room = await at.opened()
    adds = [QueueAdd(track_id="1", nonce=f"n{n}") for n in range(MAX_WAITING + 50)]
    answers = await asyncio.gather(*(at.do(room, add) for add in adds), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert {(refusal.code, refusal.retry_after_ms) for refusal in refused} == {("overloaded", 500)}
    assert len(answers) - len(refused) == MAX_WAITING
    assert len((await at.service.find(room.slug)).queue.entries) == MAX_WAITING


async def test_a_crowd_that_joins_costs_one_query(at: House) -> None:
    room = await at.opened()
    await at.do(room, ChatSend("hello", "n1"), by=LEO)
    before = at.kept_messages.asked["newest"]
    pages = await asyncio.gather(*(at.messages.page(room.id) for _ in range(500)))
    assert {page.messages[0].text for page in pages} == {"hello"}
    assert at.kept_messages.asked["newest"] == before + 1
    at.clock.advance(4_999)
    await at.messages.page(room.id)
    assert at.kept_messages.asked["newest"] == before + 1
    at.clock.advance(1)
    await at.messages.page(room.id)
    assert at.kept_messages.asked["newest"] == before + 2


async def test_a_room_forgotten_from_memory_is_read_again_and_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, max_held=1) as at:
        rooms = [await at.opened(f"Room {n}") for n in range(3)]
        for room in rooms:
            await at.queued(room, 1)
            await at.do(room, PlaybackPlay(), device=None)
        await at.service.settle()
        assert at.service.statistics().held == 1
        at.told.clear()
        await at.pass_time(10_000)
        started_over = [told["entry_id"] for name, _, told in at.told if name == "playback" and told["rev"] == 4]
        assert len(set(started_over)) == 3


async def test_started_rooms_tick_by_themselves_in_real_time(tmp_path: Path) -> None:
    async with house(tmp_path, Timeline().now_ms, sleep=asyncio.sleep) as at:
        await at.service.start()
        for n in (1, 2):
            at.shelf.tracks[n] = TrackNow(track(n, 20))
        room = await at.opened()
        heard: asyncio.Queue[str] = asyncio.Queue()

        def hear(event: LogEvent) -> None:
            heard.put_nowait(decode_record(event.record)[0])

        await at.log.subscribe(room.id, hear)
        await at.queued(room, 1, 2)
        await at.do(room, PlaybackPlay(), device=None)
        while at.service.statistics().ticks < 5:
            await heard.get()
        await at.service.stop()
        before = at.service.statistics().ticks
        assert (await at.service.find(room.slug)).playback.playing
        assert at.service.statistics().ticks == before
