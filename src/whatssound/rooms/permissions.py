"""Who may do what in a room. Pure: each function says no by raising Refusal."""

from whatssound.accounts.user import User
from whatssound.ids import UserId
from whatssound.rooms.members import member_of
from whatssound.rooms.room import Room
from whatssound.wire import events
from whatssound.wire.errors import Refusal


def leads(room: Room, user: User) -> bool:
    """Whether `user` has the DJ's powers: who opened the room, this server's owner, its own services."""
    return user.id == room.dj_id or user.role in ("owner", "service")


def role_in(room: Room, user: User) -> events.RoomRole:
    """The role under which `user` appears in this room."""
    return "dj" if leads(room, user) else "listener"


def may_lead(room: Room, user: User) -> None:
    """Refusal `ended`, `banned`, or `forbidden` to whoever is not the DJ."""
    may_take_part(room, user.id)
    if not leads(room, user):
        raise Refusal("forbidden", "Only the DJ can do that.")


def may_take_part(room: Room, user_id: UserId | None) -> None:
    """Refusal `ended` or `banned`."""
    if room.ended:
        raise Refusal("ended", "This session has ended.")
    may_join(room, user_id)


def may_join(room: Room, user_id: UserId | None) -> None:
    """Refusal `banned`. An ended room may still be looked at."""
    member = None if user_id is None else member_of(room.members, str(user_id))
    if member is not None and member.banned:
        raise Refusal("banned", "The DJ has banned you from this session.")


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
            "The DJ has muted you for now.",
            retry_after_ms=int(until_ms - now_ms) + 1,
            details={"muted_until_ms": until_ms},
        )


def may_be_restrained(room: Room, user: User) -> None:
    """Refusal `invalid` when somebody would kick, mute or ban one who leads the room."""
    if leads(room, user):
        raise Refusal("invalid", "The DJ cannot be removed or silenced.")
