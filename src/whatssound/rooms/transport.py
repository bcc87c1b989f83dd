"""What play, pause, seek and skip make of a deck. Pure."""

from dataclasses import replace
from typing import assert_never

from whatssound.rooms import commands, deck, queue
from whatssound.rooms import playback as sound
from whatssound.rooms.deck import Deck
from whatssound.wire.errors import Refusal


def is_late(before: Deck, command: commands.Transport) -> bool:
    """Whether the command names an entry that does not sound any more; then it is to do nothing."""
    named = None if isinstance(command, commands.Pause | commands.Play) else command.entry_id
    return named is not None and named != before.playback.entry_id


def transported(before: Deck, command: commands.Transport, now_ms: float) -> Deck:
    """The deck after the command, led by the device that gave it. Raises Refusal `not_found`, `conflict`."""
    led = replace(before, playback=replace(before.playback, device=command.device))
    start_ms = now_ms if isinstance(command, commands.Pause) else now_ms + command.lead_ms
    match command:
        case commands.Play():
            return _played(led, command, start_ms)
        case commands.Pause():
            return replace(led, playback=sound.paused(led.playback, at_ms=now_ms))
        case commands.Seek(position_ms=position_ms):
            return _sought(led, position_ms, start_ms)
        case commands.Skip():
            idle = led.playback.entry is None
            return deck.with_next(led, at_ms=start_ms, playing=idle or led.playback.playing)
        case _:
            assert_never(command)


def _played(led: Deck, command: commands.Play, start_ms: float) -> Deck:
    if led.playback.entry is not None and command.entry_id in (None, led.playback.entry_id):
        resumed = sound.resumed(led.playback, at_ms=start_ms, position_ms=command.position_ms)
        return replace(led, playback=resumed)
    if command.entry_id is None:
        return _begun(led, command.position_ms or 0.0, start_ms)
    entry = queue.entry_of(led.queue.entries, command.entry_id)
    if entry is None:
        raise Refusal("not_found", "That track is no longer in the queue.", details={"entry_id": command.entry_id})
    return deck.with_queued(led, entry, position_ms=command.position_ms or 0.0, at_ms=start_ms)


def _begun(led: Deck, position_ms: float, start_ms: float) -> Deck:
    begun = deck.with_next(led, at_ms=start_ms, playing=True)
    if begun.playback.entry is None:
        raise Refusal("conflict", "The queue is empty: add a track first.")
    return replace(begun, playback=replace(begun.playback, position_ms=sound.within(begun.playback, position_ms)))


def _sought(led: Deck, position_ms: float, start_ms: float) -> Deck:
    if led.playback.entry is None:
        return led
    return replace(led, playback=sound.sought(led.playback, position_ms=position_ms, at_ms=start_ms))
