"""Who may come into a room, and how they stand in it: all that is asked of each of its listeners. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from whatssound.accounts.user import Identity, User
from whatssound.ids import UserId, ms_of
from whatssound.rooms import permissions
from whatssound.rooms.home_bans import HomeBan
from whatssound.rooms.members import Member, Members, member_of
from whatssound.rooms.room import Room
from whatssound.wire import events
from whatssound.wire.errors import Refusal


@dataclass(frozen=True, slots=True)
class Door:
    """A room as its doorkeeper needs it: the same for everybody who comes, so it is read once for all of them."""

    dj_id: UserId
    members: Members
    home_bans: tuple[HomeBan, ...]
    """Empty unless somebody is banned."""

    def admit(self, identity: Identity, home: bytes | None) -> None:
        """Refusal `banned` to who is banned, and to a guest account made after a ban from the same `home`.

        `home` is `homes.hashed` of where they come from, None when that is unknown. Accounts that were there before
        keep their place: others may live in that home. An ended room may be joined: its page says so.
        """
        permissions.may_join(self, identity.user_id)
        if home is None or identity.user_id is None or identity.role != "guest":
            return
        for ban in self.home_bans:
            if ban.home == home and self._counts(ban) and ms_of(identity.user_id) >= ban.banned_ms:
                raise _shut_out(ban.lapses_ms)

    def member(self, user: User | None) -> events.Member:
        """How `user` stands in the room; an anonymous reader is a listener with an empty id."""
        if user is None:
            return events.Member(rev=0, user=events.User(id="", name=""), role="listener")
        known = member_of(self.members, str(user.id))
        member = known or Member(rev=0, user_id=str(user.id), name=user.name)
        return member.as_wire(permissions.role_in(self, user))

    def _counts(self, ban: HomeBan) -> bool:
        member = member_of(self.members, str(ban.user))
        return member is not None and member.banned


def door_of(room: Room, home_bans: Sequence[HomeBan] = ()) -> Door:
    """The door of `room`."""
    return Door(room.dj_id, room.members, tuple(home_bans))


def _shut_out(until_ms: int) -> Refusal:
    return Refusal(
        "banned",
        "Somebody was banned from this session and may have come back as a new guest from your network. "
        "If that is not you, try again tomorrow, or with an account you had before.",
        details={"until_ms": until_ms},
    )
