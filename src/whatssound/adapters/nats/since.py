"""Everything after one event of a subject, or why it cannot be told."""

from enum import Enum, auto

from whatssound.adapters.nats.reading import Stored, StreamReader


class Untold(Enum):
    """Why there is no list of events."""

    GONE = auto()
    """The event to start from is not in the stream, or its number belongs to another one."""
    LAGS = auto()
    """The server that was asked lags behind the leader: ask again, another may answer."""


async def since(reader: StreamReader, subject: str, seq: int, event_id: str) -> list[Stored] | Untold:
    """The event `seq`, which must bear `event_id`, and everything after it up to the leader's newest.

    Batches come from any server, so what they lack is held against the leader before it is believed.
    Raises LogUnavailable.
    """
    newest = await reader.newest(subject)
    if newest is None or newest.seq < seq:
        return Untold.GONE
    if newest.seq == seq:
        return [newest] if newest.id == event_id else Untold.GONE
    events = await reader.batch(subject, seq)
    if not events or (events[0].seq, events[0].id) != (seq, event_id):
        return Untold.LAGS if await _is_there(reader, subject, seq, event_id) else Untold.GONE
    return await _the_rest(reader, subject, events, newest.seq)


async def _the_rest(reader: StreamReader, subject: str, events: list[Stored], newest_seq: int) -> list[Stored] | Untold:
    first, turned_pages = events[0], False
    while events[-1].seq < newest_seq:
        turned_pages = True
        more = await reader.batch(subject, events[-1].seq + 1)
        if not more:
            return Untold.LAGS
        events += more
    # The oldest go first: as long as the first is there, nothing after it went while pages were turned.
    if turned_pages and not await _is_there(reader, subject, first.seq, first.id):
        return Untold.GONE
    return events


async def _is_there(reader: StreamReader, subject: str, seq: int, event_id: str) -> bool:
    event = await reader.at(seq)
    return event is not None and (event.subject, event.id) == (subject, event_id)
