"""What the DJ and moderators do about people: remove, silence, keep out, and who helps with it."""

from collections.abc import Awaitable, Callable
from typing import Any

from whatssound.accounts.user import User
from whatssound.ids import RoomId, UserId
from whatssound.rooms import commands as intents
from whatssound.rooms import permissions
from whatssound.rooms.homes import Homes
from whatssound.rooms.owned import OwnedRooms
from whatssound.rooms.room import Room, decide
from whatssound.rooms.wire_ids import asked_id
from whatssound.wire import commands, events
from whatssound.wire.errors import Refusal

MemberCommand = commands.MemberKick | commands.MemberMute | commands.MemberBan | commands.MemberRole
MemberCallback = Callable[[RoomId, UserId, str], None]


class Moderation:
    """Runs `member:*` commands. `person` finds somebody by id."""

    def __init__(self, rooms: OwnedRooms, homes: Homes, person: Callable[[UserId], Awaitable[User | None]]) -> None:
        self._rooms = rooms
        self._homes = homes
        self._person = person
        self._callbacks: list[MemberCallback] = []

    def on_member(self, callback: MemberCallback) -> None:
        """Call `callback` at once when somebody was "kicked", "banned" or "muted", or got another "role"."""
        self._callbacks.append(callback)

    async def run(self, room: Room, actor: User, command: MemberCommand, now_ms: float) -> dict[str, Any]:
        """The reply's response; raises Refusal."""
        if isinstance(command, commands.MemberRole):
            permissions.may_lead(room, actor)
        else:
            permissions.may_moderate(room, actor)
        person = await self._found(command.user_id)
        permissions.may_restrain(room, actor, person)
        match command:
            case commands.MemberKick():
                self._tell(room.id, person, "kicked")
                return {}
            case commands.MemberMute(for_ms=for_ms):
                mute = intents.Mute(_as_wire(person), int(now_ms) + for_ms if for_ms else None)
                return await self._done(room, person, mute, "muted" if for_ms else None)
            case commands.MemberBan(banned=banned):
                return await self._ban(room, person, banned)
            case commands.MemberRole(role=role):
                appoint = intents.Appoint(_as_wire(person), role == "moderator")
                return await self._done(room, person, appoint, "role")

    async def _ban(self, room: Room, person: User, banned: bool) -> dict[str, Any]:
        """The homes first: written for nobody who is banned, they mean nothing and lapse."""
        if banned:
            await self._homes.ban(room.id, person.id)
        done = await self._done(room, person, intents.Ban(_as_wire(person), banned), "banned" if banned else None)
        if not banned:
            await self._homes.lift(room.id, person.id)
        return done

    async def _done(self, room: Room, person: User, intent: intents.Command, told: str | None) -> dict[str, Any]:
        changed = await self._rooms.change(room.id, lambda room, now_ms: decide(room, intent, now_ms))
        if told is not None:
            self._tell(room.id, person, told)
        return {"rev": changed.rev}

    async def _found(self, user_id: str) -> User:
        person = await self._person(UserId(asked_id(user_id)))
        if person is None:
            raise Refusal("not_found", "There is no such person.")
        return person

    def _tell(self, room: RoomId, person: User, what: str) -> None:
        for callback in self._callbacks:
            callback(room, person.id, what)


def _as_wire(person: User) -> events.User:
    return events.User(id=str(person.id), name=person.name)
