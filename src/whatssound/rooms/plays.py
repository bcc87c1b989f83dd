"""What a room has played: its set, entry by entry, derived from how the room changed. Pure."""

from dataclasses import dataclass, replace

from whatssound.rooms import deck
from whatssound.rooms import playback as sound
from whatssound.rooms.deck import Deck
from whatssound.rooms.playback import Playback
from whatssound.rooms.room import Room, caught_up
from whatssound.wire import events

MAX_CAUGHT_UP = 1_000
"""Plays noted when a room is caught up after a long silence, two days of music: the newest ones."""


@dataclass(frozen=True, slots=True)
class Play:
    """One sounding of one entry: from its first note until another took its place. Server times, Unix ms.

    Pauses and seeks belong to it. `ended_ms` is None while it lasts. Plays of a room do not overlap.
    """

    entry: events.Entry
    started_ms: int
    ended_ms: int | None = None


def current(room: Room) -> Play | None:
    """The play that lasts, or None."""
    return None if room.ended else _play(room.playback)


def plays_between(old: Room, new: Room, now_ms: float) -> list[Play]:
    """The plays that ended on the way from `old` to what a decision made of it at `now_ms`, oldest first.

    What never sounded is left out. After a silence of more than 1,000 plays the older ones are.
    """
    walked, ended = _walked(old, now_ms)
    last = current(walked)
    if last is not None and not _same_play(walked, new):
        ended.append(replace(last, ended_ms=round(now_ms)))
    return [play for play in ended if play.ended_ms is not None and play.ended_ms > play.started_ms][-MAX_CAUGHT_UP:]


def _walked(room: Room, now_ms: float) -> tuple[Room, list[Play]]:
    """The room as it would be without any decision, and what ended on the way."""
    ended: list[Play] = []

    def walk(led: Deck, until_ms: float) -> Deck:
        while (end_ms := sound.ends_at_ms(led.playback)) is not None and end_ms <= until_ms:
            play = _play(led.playback)
            if play is not None:
                ended.append(replace(play, ended_ms=round(end_ms)))
            led = deck.stepped(led, end_ms, leap_to_ms=until_ms, keep_plays=MAX_CAUGHT_UP)
        return led

    return caught_up(room, now_ms, by=walk), ended


def _play(playback: Playback) -> Play | None:
    if playback.entry is None or playback.began_ms is None:
        return None
    return Play(playback.entry, round(playback.began_ms))


def _same_play(walked: Room, new: Room) -> bool:
    before, after = walked.playback, new.playback
    return not new.ended and (before.entry_id, before.began_ms) == (after.entry_id, after.began_ms)
