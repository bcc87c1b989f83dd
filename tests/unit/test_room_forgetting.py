"""Somebody's name goes from all that is kept of a room."""

import msgspec

from room_builders import DEVICE, DJ, LEO, T0, after, entry, room
from whatssound.rooms.commands import AddEntries, Appoint, Command, End, Forget, Mute, Play, Skip
from whatssound.rooms.room import Room, changed_parts, decide
from whatssound.wire import events

FULL: tuple[tuple[float, Command], ...] = (
    (0, Play(DEVICE)),
    (100, Skip(DEVICE)),
    (200, AddEntries((events.Entry(id="900", track=entry(9).track, added_by=LEO),), "n")),
    (300, Appoint(LEO, moderator=True)),
)


def names_in(room: Room) -> bytes:
    """Everything that is kept of it."""
    return msgspec.json.encode((room.dj, room.deck, room.members))


def test_the_name_of_who_led_the_room_goes_and_the_others_stay() -> None:
    left = after(room(10_000, 10_000, 10_000), *FULL, (400, Forget(DJ.id)))
    assert b"Dana" not in names_in(left)
    assert (left.dj.id, left.dj.name) == (DJ.id, "")
    assert [member.name for member in left.members] == ["Leo"]
    assert [waiting.added_by.name for waiting in left.queue.entries] == ["", "Leo"]


def test_the_name_of_who_helped_goes_and_the_music_and_the_rules_stay() -> None:
    full = after(room(10_000, 10_000, 10_000), *FULL, (350, Mute(LEO, int(T0) + 60_000)))
    left = after(full, (400, Forget(LEO.id)))
    assert b"Leo" not in names_in(left)
    assert [waiting.id for waiting in left.queue.entries] == [waiting.id for waiting in full.queue.entries]
    [member] = left.members
    assert (member.moderator, member.muted_until_ms) == (True, int(T0) + 60_000)
    assert [part.name for part in changed_parts(full, left)] == ["queue", f"member-{LEO.id}"]


def test_an_ended_room_forgets_too_and_stays_ended() -> None:
    ended = after(room(10_000, 10_000), *FULL, (500, End()))
    left = decide(ended, Forget(DJ.id), T0 + 9_000_000)
    assert left.ended
    assert b"Dana" not in names_in(left)
    assert [part.name for part in changed_parts(ended, left)] == ["room", "playback"]


def test_who_is_not_named_leaves_the_room_as_it_was() -> None:
    full = after(room(10_000), *FULL)
    assert decide(full, Forget("404"), T0 + 300) == full
