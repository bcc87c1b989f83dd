"""People in a room who are not plain listeners: moderators, muted or banned. Pure."""

from dataclasses import dataclass, replace

from whatssound.wire import events
from whatssound.wire.errors import Refusal

MAX_MEMBERS = 1_000
"""Kept per room: the row stays under 120 KB. People who are plain listeners again make way first."""


@dataclass(frozen=True, slots=True)
class Member:
    """How one person stands. Who becomes a plain listener again stays, so that the lifting has a `rev` too."""

    rev: int
    user_id: str
    name: str
    banned: bool = False
    muted_until_ms: int | None = None
    moderator: bool = False

    def is_plain(self, now_ms: float) -> bool:
        """Whether this is a listener like any other at `now_ms`."""
        return not self.banned and not self.moderator and (self.muted_until_ms is None or self.muted_until_ms <= now_ms)

    def as_wire(self, role: events.RoomRole | None = None) -> events.Member:
        """The event `member`; `role` is for those who lead the room, which is not written here."""
        role = role or ("moderator" if self.moderator else "listener")
        user = events.User(id=self.user_id, name=self.name, role=role)
        return events.Member(rev=self.rev, user=user, role=role, banned=self.banned, muted_until_ms=self.muted_until_ms)


Members = tuple[Member, ...]


def member_of(members: Members, user_id: str) -> Member | None:
    """What is known of that person, or None for a plain listener."""
    return next((member for member in members if member.user_id == user_id), None)


def muted(members: Members, user: events.User, until_ms: int | None, *, now_ms: float) -> Members:
    """That person silent until `until_ms`, or allowed to speak again when it is None."""
    if until_ms is None and member_of(members, user.id) is None:
        return members
    known = member_of(members, user.id) or Member(rev=0, user_id=user.id, name=user.name)
    return _with_member(members, replace(known, name=user.name, muted_until_ms=until_ms), now_ms)


def banned(members: Members, user: events.User, is_banned: bool, *, now_ms: float) -> Members:
    """That person kept out, and no moderator any more; or let in again."""
    if not is_banned and member_of(members, user.id) is None:
        return members
    known = member_of(members, user.id) or Member(rev=0, user_id=user.id, name=user.name)
    return _with_member(
        members, replace(known, name=user.name, banned=is_banned, moderator=known.moderator and not is_banned), now_ms
    )


def appointed(members: Members, user: events.User, is_moderator: bool, *, now_ms: float) -> Members:
    """That person a moderator, or a listener. Refusal `conflict` for one who is banned."""
    known = member_of(members, user.id)
    if known is None and not is_moderator:
        return members
    known = known or Member(rev=0, user_id=user.id, name=user.name)
    if known.banned and is_moderator:
        raise Refusal("conflict", f"{user.name} is banned; lift the ban first.")
    return _with_member(members, replace(known, name=user.name, moderator=is_moderator), now_ms)


def _with_member(members: Members, changed: Member, now_ms: float) -> Members:
    others = tuple(member for member in members if member.user_id != changed.user_id)
    if len(others) == len(members) and len(members) >= MAX_MEMBERS:
        others = _with_room_for_one(others, now_ms)
    return tuple(sorted((*others, changed), key=lambda member: member.user_id))


def _with_room_for_one(members: Members, now_ms: float) -> Members:
    plain = [member for member in members if member.is_plain(now_ms)]
    if not plain:
        raise Refusal(
            "conflict",
            f"A room keeps at most {MAX_MEMBERS:,} moderators, mutes and bans; lift some first.",
            details={"limit": MAX_MEMBERS},
        )
    oldest = min(plain, key=lambda member: member.rev)
    return tuple(member for member in members if member is not oldest)
