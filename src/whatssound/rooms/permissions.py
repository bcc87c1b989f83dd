"""Who may do what in a room. Pure: each function says no by raising Refusal."""

from typing import Protocol

from whatssound.accounts.user import User
from whatssound.ids import UserId
from whatssound.messages.message import Author
from whatssound.rooms.members import Members, member_of
from whatssound.rooms.room import Room
from whatssound.wire import events
from whatssound.wire.errors import Refusal


class Ranks(Protocol):
    """As much of a room as says who is who in it."""

    @property
    def dj_id(self) -> UserId: ...
    @property
    def members(self) -> Members: ...


def leads(room: Ranks, user: User) -> bool:
    """Whether `user` has the DJ's powers: who opened the room, this server's owner, its own services."""
    return user.id == room.dj_id or user.role in ("owner", "service")


def moderates(room: Ranks, user: User) -> bool:
    """Whether `user` may keep order: who leads the room, and the moderators its DJ chose."""
    return leads(room, user) or _is_moderator(room, user.id)


def role_in(room: Ranks, user: User) -> events.RoomRole:
    """The role under which `user` appears in this room."""
    if leads(room, user):
        return "dj"
    return "moderator" if _is_moderator(room, user.id) else "listener"


def may_lead(room: Room, user: User) -> None:
    """Refusal `ended`, `banned`, or `forbidden` to whoever is not the DJ."""
    may_take_part(room, user.id)
    if not leads(room, user):
        raise Refusal("forbidden", "Only the DJ can do that.")


def may_moderate(room: Room, user: User) -> None:
    """Refusal `ended`, `banned`, or `forbidden` to plain listeners."""
    may_take_part(room, user.id)
    if not moderates(room, user):
        raise Refusal("forbidden", "Only the DJ and the moderators can do that.")


def may_take_part(room: Room, user_id: UserId | None) -> None:
    """Refusal `ended` or `banned`."""
    if room.ended:
        raise Refusal("ended", "This session has ended.")
    may_join(room, user_id)


def may_join(room: Ranks, user_id: UserId | None) -> None:
    """Refusal `banned`. An ended room may still be looked at."""
    member = None if user_id is None else member_of(room.members, str(user_id))
    if member is not None and member.banned:
        raise Refusal("banned", "You are banned from this session.")


def may_speak(room: Room, user: User, now_ms: float) -> None:
    """Refusal `forbidden` to nobody, `ended`, `banned`, or `muted` with the time that is left."""
    if user.role == "anon":
        raise Refusal("forbidden", "Sign in with a name to chat.")
    may_take_part(room, user.id)
    member = member_of(room.members, str(user.id))
    until_ms = None if member is None else member.muted_until_ms
    if until_ms is not None and until_ms > now_ms and not leads(room, user):
        raise Refusal(
            "muted",
            "You are muted for now.",
            retry_after_ms=int(until_ms - now_ms) + 1,
            details={"muted_until_ms": until_ms},
        )


def may_restrain(room: Ranks, actor: User, person: User) -> None:
    """Whether `actor`, who keeps order here, may do so with `person`.

    Refusal `invalid` for one who leads the room, `forbidden` when a moderator would turn on another.
    """
    if leads(room, person):
        raise Refusal("invalid", "The DJ cannot be removed or silenced.")
    if not leads(room, actor) and _is_moderator(room, person.id):
        raise Refusal("forbidden", "Only the DJ can do that to a moderator.")


def may_delete(room: Room, actor: User, author: Author) -> None:
    """Refusal `ended`, `banned`, or `forbidden`.

    Everybody may take back their own words. Moderators may delete those of listeners, who leads the room everybody's.
    """
    may_take_part(room, actor.id)
    if author.id == actor.id or leads(room, actor):
        return
    if not moderates(room, actor):
        raise Refusal("forbidden", "Only its author, the DJ or a moderator can delete a message.")
    if author.role == "dj" or _is_moderator(room, author.id):
        raise Refusal("forbidden", "Only the DJ can delete what the DJ or a moderator said.")


def _is_moderator(room: Ranks, user_id: UserId) -> bool:
    member = member_of(room.members, str(user_id))
    return member is not None and member.moderator
