"""What is kept of a room without somebody's name: the page shows who has no name as somebody who left. Pure."""

from dataclasses import replace

from whatssound.rooms.deck import Deck
from whatssound.rooms.members import Members
from whatssound.wire import events


def nameless(user: events.User, user_id: str) -> events.User:
    """`user`, without a name when it is the one to forget."""
    return events.User(id=user.id, name="", role=user.role) if user.id == user_id else user


def deck_without(deck: Deck, user_id: str) -> Deck:
    """The same music; who added it has no name any more."""

    def of(entry: events.Entry) -> events.Entry:
        return events.Entry(id=entry.id, track=entry.track, added_by=nameless(entry.added_by, user_id))

    playing = deck.playback.entry
    return replace(
        deck,
        playback=replace(deck.playback, entry=None if playing is None else of(playing)),
        queue=replace(deck.queue, entries=tuple(map(of, deck.queue.entries))),
        history=tuple(map(of, deck.history)),
    )


def members_without(members: Members, user_id: str) -> Members:
    """The same rules for everybody; one has no name any more."""
    return tuple(replace(member, name="") if member.user_id == user_id else member for member in members)
