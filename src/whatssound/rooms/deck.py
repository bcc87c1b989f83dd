"""The turntable of a room: what sounds, what comes next, what was played. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from whatssound.rooms import playback as sound
from whatssound.rooms.playback import Playback
from whatssound.rooms.queue import Queue
from whatssound.wire import events

MAX_HISTORY = 200
"""What the auto-DJ starts over from; as many as a queue holds."""


@dataclass(frozen=True, slots=True)
class Deck:
    """`history` is what was played, oldest first; the entry that sounds joins it when it leaves."""

    playback: Playback = field(default_factory=Playback)
    queue: Queue = field(default_factory=Queue)
    history: tuple[events.Entry, ...] = ()


def is_auto_dj(deck: Deck) -> bool:
    """Whether no device of the DJ leads."""
    return deck.playback.device is None


def with_next(deck: Deck, *, at_ms: float, playing: bool) -> Deck:
    """The queue's head from its start at `at_ms`, and what sounded put into the history.

    The auto-DJ always has one more in the queue, so that listeners can prepare it: when nothing waits, what was
    played longest ago. A DJ's device stops at the end of its queue.
    """
    entries, history = _refilled(deck, deck.queue.entries, _with_last(deck))
    if not entries:
        return replace(deck, playback=sound.stopped(deck.playback, at_ms=at_ms), history=history)
    head = entries[0]
    entries, history = _refilled(deck, entries[1:], history)
    return Deck(
        playback=sound.started(deck.playback, head, position_ms=0.0, at_ms=at_ms, playing=playing),
        queue=replace(deck.queue, entries=entries),
        history=history,
    )


def handed_over(deck: Deck) -> Deck:
    """The deck as the auto-DJ takes it up: something waits, when anything was ever played."""
    entries, history = _refilled(deck, deck.queue.entries, deck.history)
    return replace(deck, queue=replace(deck.queue, entries=entries), history=history)


def with_queued(deck: Deck, entry: events.Entry, *, position_ms: float, at_ms: float) -> Deck:
    """A waiting entry taken out of the queue and played; the others keep their places."""
    return Deck(
        playback=sound.started(deck.playback, entry, position_ms=position_ms, at_ms=at_ms, playing=True),
        queue=replace(deck.queue, entries=tuple(e for e in deck.queue.entries if e.id != entry.id)),
        history=_with_last(deck),
    )


def played_on(deck: Deck, now_ms: float) -> Deck:
    """The deck at `now_ms` when nobody touches it: over as many tracks as have ended by then.

    Each track starts where the one before it ended, to the µs. Whole rounds of the auto-DJ are leapt over, so
    a year of silence costs two walks through the queue.
    """
    while (end_ms := sound.ends_at_ms(deck.playback)) is not None and end_ms <= now_ms:
        deck = stepped(deck, end_ms, leap_to_ms=now_ms)
    return deck


def stepped(deck: Deck, end_ms: float, *, leap_to_ms: float, keep_plays: int = 0) -> Deck:
    """The deck when what sounds ended at `end_ms`: one track further.

    Whole rounds of the auto-DJ that fit before `leap_to_ms` are leapt over, but for those of the last `keep_plays`.
    """
    goes_round = is_auto_dj(deck) and len(deck.queue.entries) <= 1
    deck = with_next(deck, at_ms=end_ms, playing=True)
    return _leapt(deck, leap_to_ms, keep_plays) if goes_round else deck


def with_tracks(deck: Deck, of: Callable[[events.Entry], events.Entry | None], *, now_ms: float) -> Deck:
    """Every entry replaced by `of(entry)`, or removed where that is None; what sounds goes on to the next then.

    A track that turns out to be over already ends now, not in the past: nobody missed the next one's beginning.
    """
    deck = replace(
        deck,
        queue=replace(deck.queue, entries=_mapped(deck.queue.entries, of)),
        history=_mapped(deck.history, of),
    )
    entry = deck.playback.entry
    if entry is None:
        return deck
    changed = of(entry)
    if changed is None:
        without = replace(deck, playback=replace(deck.playback, entry=None))
        return with_next(without, at_ms=now_ms, playing=deck.playback.playing)
    return replace(deck, playback=ending_now_or_later(replace(deck.playback, entry=changed), now_ms))


def ending_now_or_later(playback: Playback, now_ms: float) -> Playback:
    """The same, ending now where it would have ended before: the next track is not to begin in the past."""
    end_ms = sound.ends_at_ms(playback)
    if end_ms is None or end_ms >= now_ms or playback.duration_ms is None:
        return playback
    return replace(playback, position_ms=float(playback.duration_ms), anchor_ms=now_ms)


def _with_last(deck: Deck) -> tuple[events.Entry, ...]:
    entry = deck.playback.entry
    return deck.history if entry is None else (*deck.history, entry)[-MAX_HISTORY:]


def _refilled(
    deck: Deck, entries: tuple[events.Entry, ...], history: tuple[events.Entry, ...]
) -> tuple[tuple[events.Entry, ...], tuple[events.Entry, ...]]:
    if entries or not is_auto_dj(deck):
        return entries, history
    return history[:1], history[1:]


def _leapt(deck: Deck, now_ms: float, keep_plays: int) -> Deck:
    """As many whole rounds later as fit before `now_ms`: after a round the deck is what it was, only later."""
    entry = deck.playback.entry
    if entry is None:
        return deck
    durations_ms = [e.track.duration_ms for e in (entry, *deck.queue.entries, *deck.history)]
    if not all(durations_ms):
        return deck
    round_ms = sum(durations_ms)
    kept = -(-keep_plays // len(durations_ms))
    rounds = max(0.0, (now_ms - deck.playback.anchor_ms) // round_ms - kept)
    start_ms = deck.playback.anchor_ms + rounds * round_ms
    return replace(deck, playback=replace(deck.playback, anchor_ms=start_ms, began_ms=start_ms))


def _mapped(
    entries: tuple[events.Entry, ...], of: Callable[[events.Entry], events.Entry | None]
) -> tuple[events.Entry, ...]:
    changed = (of(entry) for entry in entries)
    return tuple(entry for entry in changed if entry is not None)
