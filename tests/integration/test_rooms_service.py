"""Rooms from the outside: opened, found, run, told of, and still there after a restart."""

import asyncio
from pathlib import Path

import pytest

from room_builders import T0, ManualClock, track
from room_house import DESK, LEO, MIA, OWNER, House, house
from whatssound.accounts.user import Identity, User
from whatssound.ids import RoomId, UserId
from whatssound.rooms.catalog import TrackNow
from whatssound.rooms.dj import LEAD_MS
from whatssound.rooms.playback import position_at
from whatssound.wire import commands, events
from whatssound.wire.commands import PlaybackPause, PlaybackPlay, PlaybackSkip, QueueAdd
from whatssound.wire.errors import Refusal


def names(at: House) -> list[str]:
    return [name for name, _, _ in at.told]


async def test_a_room_is_found_by_id_and_by_its_readable_slug(at: House) -> None:
    room = await at.opened("Späte Nacht!  im Café")
    assert room.slug.startswith("spate-nacht-im-cafe-")
    assert (await at.service.find(str(room.id))).id == room.id
    assert (await at.service.find(room.slug)).title == "Späte Nacht! im Café"
    for nowhere in ("404", "nowhere", "99999999999999999999"):
        with pytest.raises(Refusal):
            await at.service.find(nowhere)


async def test_guests_open_no_rooms(at: House) -> None:
    with pytest.raises(Refusal, match="forbidden"):
        await at.service.create(LEO, "Mine", events.Settings())


async def test_listed_rooms_are_shown_to_all_and_unlisted_ones_to_their_dj(at: House) -> None:
    hidden, shown = await at.opened("Hidden"), await at.opened("Shown", listed=True)
    ended = await at.opened("Ended", listed=True)
    await at.service.patch(OWNER, ended.id, end=True)
    dana = Identity(OWNER.id, "Dana", "owner", 0)
    assert [room.id for room in await at.service.listed(None)] == [shown.id]
    assert [room.id for room in await at.service.listed(Identity(LEO.id, "Leo", "guest", 0))] == [shown.id]
    assert [room.id for room in await at.service.listed(dana)] == [shown.id, hidden.id]


async def test_playing_tells_listeners_each_changed_part_once_under_its_key(at: House) -> None:
    room = await at.opened()
    [entry_id] = await at.queued(room, 1)
    reply = await at.do(room, PlaybackPlay())
    assert names(at) == ["queue", "playback", "queue"]
    name, key, playback = at.told[1]
    assert (name, key) == ("playback", f"{room.id}:{reply['rev']}:playback")
    assert (playback["entry_id"], playback["playing"], playback["device"]) == (entry_id, True, DESK)
    assert playback["track"]["hls"].endswith("sig=s")


async def test_sound_begins_a_moment_after_the_command_so_that_all_hear_the_first_note(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with house(tmp_path, clock, lead_ms=LEAD_MS) as at:
        room = await at.opened()
        await at.queued(room, 1)
        await at.do(room, PlaybackPlay())
        playback = (await at.service.find(str(room.id))).playback
        assert playback.anchor_ms == T0 + LEAD_MS
        assert position_at(playback, T0 + LEAD_MS - 1) == 0
        assert position_at(playback, T0 + LEAD_MS + 1) == 1


async def test_a_dj_who_takes_another_name_is_called_so_in_their_rooms(at: House) -> None:
    room, other = await at.opened(), await at.opened()
    await at.service.patch(OWNER, other.id, end=True)
    at.service.renamed(User(OWNER.id, "Noor", "owner"))
    await at.service.settle()
    assert (await at.service.find(str(room.id))).dj.name == "Noor"
    assert at.told[-1][0] == "room"
    assert (await at.service.find(str(other.id))).dj.name == OWNER.name


async def test_a_repeated_command_saves_and_tells_nothing(at: House) -> None:
    room = await at.opened()
    await at.queued(room, 1, 2)
    await at.do(room, PlaybackPlay())
    told = len(at.told)
    first = await at.do(room, PlaybackPlay())
    assert await at.do(room, PlaybackPlay()) == first
    assert len(at.told) == told


@pytest.mark.parametrize(
    "command",
    [
        PlaybackPlay(),
        PlaybackSkip(),
        QueueAdd(track_id="1", nonce="n"),
        commands.QueueRemove("1"),
        commands.MemberBan("3"),
        commands.PlaybackReport(0, 0, 1, "playing"),
    ],
)
async def test_a_listener_may_not_lead(at: House, command: commands.PlaybackPlay) -> None:
    room = await at.opened()
    with pytest.raises(Refusal, match="Only the DJ"):
        await at.do(room, command, by=LEO)


async def test_tracks_follow_each_other_without_a_gap_and_listeners_are_told(at: House) -> None:
    room = await at.opened()
    first, second = await at.queued(room, 1, 2)
    await at.do(room, PlaybackPlay(), device=None)
    at.told.clear()
    await at.pass_time(10_003)
    assert names(at) == ["playback", "queue"]
    assert (at.told[0][2]["entry_id"], at.told[0][2]["anchor_ms"]) == (second, T0 + 10_000)
    await at.pass_time(10_000)
    assert at.told[2][2]["entry_id"] == first


async def test_a_device_that_is_gone_for_15_s_hands_over_to_the_auto_dj(at: House) -> None:
    room = await at.opened()
    at.shelf.tracks[1] = TrackNow(track(1, 600_000))
    await at.queued(room, 1)
    await at.do(room, PlaybackPlay())
    for _ in range(4):
        await at.pass_time(5_000)
        at.service.device_seen(room.id, DESK)
        at.service.device_seen(room.id, "another")
    assert (await at.service.find(room.slug)).playback.device == DESK
    at.told.clear()
    await at.pass_time(14_999)
    assert at.told == []
    await at.pass_time(1)
    assert [(name, told["device"], told["playing"]) for name, _, told in at.told] == [("playback", None, True)]


async def test_the_room_may_ask_for_a_pause_when_the_dj_is_gone(at: House) -> None:
    room = await at.opened(when_dj_gone="pause")
    at.shelf.tracks[1] = TrackNow(track(1, 600_000))
    await at.queued(room, 1)
    await at.do(room, PlaybackPlay())
    await at.pass_time(9_000)
    at.service.device_seen(room.id, DESK)
    await at.pass_time(15_000)
    shown = (await at.service.find(room.slug)).playback
    assert (shown.playing, shown.device, shown.position_ms) == (False, None, 24_000)


async def test_a_restart_goes_on_at_the_same_second_and_gives_the_device_15_s(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with house(tmp_path, clock) as before:
        room = await before.opened()
        before.shelf.tracks[1] = TrackNow(track(1, 600_000))
        await before.queued(room, 1)
        await before.do(room, PlaybackPlay())
    clock.advance(40_000)
    async with house(tmp_path, clock, start=2) as now:
        now.shelf.tracks[1] = TrackNow(track(1, 600_000))
        await now.log.subscribe(room.id, now.hear)
        await now.service.sweep()
        await now.service.settle()
        shown = await now.service.find(room.slug)
        assert position_at(shown.playback, clock()) == 40_000
        assert shown.playback.device == DESK
        assert names(now) == ["room", "playback", "queue"]
        await now.pass_time(14_000)
        now.service.device_seen(room.id, DESK)
        await now.pass_time(2_000)
        assert (await now.service.find(room.slug)).playback.device == DESK
        await now.pass_time(15_000)
        assert (await now.service.find(room.slug)).playback.device is None


async def test_a_room_left_alone_for_a_day_is_shown_where_it_would_be(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as before:
        room = await before.opened()
        await before.queued(room, 1, 2, 3)
        await before.do(room, PlaybackPlay(), device=None)
    clock.advance(86_400_000 + 12_500)
    async with house(tmp_path, clock, start=2) as now:
        shown = await now.service.find(room.slug)
        assert shown.playback.entry is not None
        assert (shown.playback.entry.track.id, position_at(shown.playback, clock())) == ("2", 2_500)


async def test_two_starts_on_one_room_the_older_one_is_locked_out(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as old, house(tmp_path, clock, start=2) as new:
        room = await old.opened()
        await old.queued(room, 1, 2)
        await new.do(room, PlaybackPlay(), device="phone")
        with pytest.raises(Refusal) as refused:
            await old.do(room, PlaybackPause())
        assert refused.value.code == "unavailable"
        with pytest.raises(Refusal, match="another process"):
            await old.do(room, PlaybackPlay())
        assert (await new.service.find(room.slug)).playback.playing
        clock.advance(1_001)
        assert (await old.service.find(room.slug)).playback.device == "phone"


async def test_a_log_that_refuses_gets_the_newest_of_each_part_later(at: House) -> None:
    room = await at.opened()
    await at.queued(room, 1)
    at.told.clear()
    at.log.refusing = True
    for command in (PlaybackPlay(), PlaybackPause()):
        with pytest.raises(Refusal) as refused:
            await at.do(room, command)
        assert (refused.value.code, refused.value.retry_after_ms) == ("unavailable", 1_000)
    assert at.service.statistics().pending == 1
    at.log.refusing = False
    await at.service.settle()
    assert sorted(names(at)) == ["playback", "queue"]
    assert [told["playing"] for name, _, told in at.told if name == "playback"] == [False]
    assert at.service.statistics().pending == 0


async def test_members_are_told_and_the_gateway_at_once(at: House) -> None:
    heard: list[tuple[RoomId, UserId, str]] = []
    at.service.on_member(lambda *what: heard.append(what))
    room = await at.opened()
    await at.do(room, commands.MemberMute("2", 60_000))
    await at.do(room, commands.MemberBan("3"))
    await at.do(room, commands.MemberKick("2"))
    assert heard == [(room.id, LEO.id, "muted"), (room.id, MIA.id, "banned"), (room.id, LEO.id, "kicked")]
    assert [(told["user"]["name"], told.get("banned", False)) for _, _, told in at.told] == [
        ("Leo", False),
        ("Mia", True),
    ]
    me = await at.service.me(room.id, LEO)
    assert (me.role, me.muted_until_ms) == ("listener", int(T0) + 60_000)
    with pytest.raises(Refusal, match="banned"):
        await at.service.admit(await at.service.find(room.slug), Identity(MIA.id, "Mia", "guest", 0), "")


async def test_nobody_removes_the_dj_or_a_stranger(at: House) -> None:
    room = await at.opened()
    with pytest.raises(Refusal, match="cannot be removed"):
        await at.do(room, commands.MemberKick("1"))
    with pytest.raises(Refusal, match="no such person"):
        await at.do(room, commands.MemberBan("404"))


async def test_the_servers_owner_leads_in_every_room(at: House) -> None:
    room = await at.opened()
    boss = User(UserId(77), "Boss", "owner")
    await at.queued(room, 1)
    assert (await at.do(room, PlaybackPlay(), by=boss))["rev"] > 1
    assert (await at.service.me(room.id, boss)).role == "dj"
    assert (await at.service.me(room.id, None)).role == "listener"


async def test_a_room_is_renamed_and_ended_for_good(at: House) -> None:
    room = await at.opened()
    renamed = await at.service.patch(OWNER, room.id, title="  Early   morning ")
    assert renamed.title == "Early morning"
    ended = await at.service.patch(OWNER, room.id, end=True)
    assert ended.ended
    assert [told["state"] for name, _, told in at.told if name == "room"] == ["open", "ended"]
    with pytest.raises(Refusal, match="ended"):
        await at.do(room, PlaybackPlay())
    with pytest.raises(Refusal, match="ended"):
        await at.service.patch(OWNER, room.id, title="Again")
    with pytest.raises(Refusal, match="Only the DJ"):
        await at.service.patch(LEO, (await at.opened()).id, title="Mine")


async def test_playback_get_signs_anew(at: House) -> None:
    room = await at.opened()
    await at.queued(room, 1)
    await at.do(room, PlaybackPlay())
    got = await at.do(room, commands.PlaybackGet(), by=LEO)
    assert got["track"].hls.endswith("sig=s")
    assert got["playing"]


async def test_a_snapshot_follows_every_change(at: House) -> None:
    room = await at.opened()
    await at.queued(room, 1, 2)
    before = at.service.snapshot(await at.service.find(room.slug))
    await at.do(room, PlaybackPlay())
    after = at.service.snapshot(await at.service.find(room.slug))
    assert (len(before.queue.entries), len(after.queue.entries)) == (2, 1)
    assert all(entry.track.hls for entry in (*before.queue.entries, *after.queue.entries))


async def test_a_command_whose_caller_gave_up_is_done_and_told_all_the_same(at: House) -> None:
    room = await at.opened()
    await at.queued(room, 1)
    caller = asyncio.ensure_future(at.do(room, PlaybackPlay()))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    await at.service.settle()
    assert "playback" in names(at)
    assert (await at.service.find(room.slug)).playback.playing


async def test_commands_given_at_once_are_done_one_after_another(at: House) -> None:
    room = await at.opened()
    await asyncio.gather(*(at.do(room, QueueAdd(track_id=str(n), nonce=str(n))) for n in range(1, 21)))
    shown = await at.service.find(room.slug)
    assert sorted(int(entry.track.id) for entry in shown.queue.entries) == list(range(1, 21))
    assert [told["rev"] for _, _, told in at.told] == list(range(2, 22))
