"""What comes next in a room: an ordered list of at most 200 entries. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from whatssound.wire import events
from whatssound.wire.errors import Refusal

MAX_ENTRIES = 200
"""About 12 hours of music; keeps the `queue` event, which is always whole, under 64 KB."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The entries to come, next one first. The entry that sounds is not among them."""

    rev: int = 0
    entries: tuple[events.Entry, ...] = ()

    def as_wire(self) -> events.Queue:
        """The part as listeners receive it; `hls` is not signed here."""
        return events.Queue(rev=self.rev, entries=list(self.entries))


def entry_of(entries: Iterable[events.Entry], entry_id: str) -> events.Entry | None:
    """The entry with that id, or None."""
    return next((entry for entry in entries if entry.id == entry_id), None)


def with_entries(queue: Queue, entries: tuple[events.Entry, ...], *, before: str | None) -> Queue:
    """`entries` placed in their order before another, or last.

    Raises Refusal `conflict`, with how many would fit, when more than 200 would wait; `not_found` when `before` does
    not wait.
    """
    fits = MAX_ENTRIES - len(queue.entries)
    if len(entries) > fits:
        raise _full(fits)
    return replace(queue, entries=_placed(queue.entries, entries, before))


def without_entry(queue: Queue, entry_id: str) -> Queue:
    """The queue without that entry; one that does not wait changes nothing."""
    if entry_of(queue.entries, entry_id) is None:
        return queue
    return replace(queue, entries=tuple(entry for entry in queue.entries if entry.id != entry_id))


def moved(queue: Queue, entry_id: str, *, before: str | None) -> Queue:
    """That entry placed before another, or last; Refusal `not_found` when either does not wait."""
    entry = entry_of(queue.entries, entry_id)
    if entry is None:
        raise _no_such_entry(entry_id)
    if before == entry_id:
        return queue
    return replace(queue, entries=_placed(without_entry(queue, entry_id).entries, (entry,), before))


def _placed(
    waiting: tuple[events.Entry, ...], entries: tuple[events.Entry, ...], before: str | None
) -> tuple[events.Entry, ...]:
    if before is None:
        return (*waiting, *entries)
    for index, other in enumerate(waiting):
        if other.id == before:
            return (*waiting[:index], *entries, *waiting[index:])
    raise _no_such_entry(before)


def _full(fits: int) -> Refusal:
    room = "it has no room left" if fits == 0 else f"it has room for {fits} more"
    message = f"The queue is full: it holds {MAX_ENTRIES} tracks, and {room}."
    return Refusal("conflict", message, details={"limit": MAX_ENTRIES, "fits": fits})


def _no_such_entry(entry_id: str) -> Refusal:
    return Refusal("not_found", "That track is no longer in the queue.", details={"entry_id": entry_id})
