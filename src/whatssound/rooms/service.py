"""Rooms as the outside uses them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from whatssound.accounts.user import Identity, User
from whatssound.ids import RoomId, UserId
from whatssound.rooms.room import Room
from whatssound.wire import events


class Snapshot(NamedTuple):
    """A room's parts as a join reply and the API show them, every `hls` signed."""

    room: events.RoomState
    playback: events.Playback
    queue: events.Queue


class RoomService:
    """Opens, shows and runs rooms. Every method raises Refusal where the answer is no."""

    async def create(self, actor: User, title: str, settings: events.Settings) -> Room:
        """Open a room whose DJ is `actor`. Refusal `forbidden` to guests."""
        raise NotImplementedError

    async def find(self, id_or_slug: str) -> Room:
        """The room as it is now. Refusal `not_found`."""
        raise NotImplementedError

    async def listed(self, viewer: Identity | None) -> list[Room]:
        """The open rooms that are listed, and the viewer's own, newest first."""
        raise NotImplementedError

    async def patch(
        self,
        actor: User,
        room_id: RoomId,
        title: str | None = None,
        settings: events.Settings | None = None,
        end: bool = False,
    ) -> Room:
        """Retitle, change settings, or end for good."""
        raise NotImplementedError

    def snapshot(self, room: Room) -> Snapshot:
        """The parts of `room`, every `hls` signed."""
        raise NotImplementedError

    async def run(self, room_id: RoomId, actor: User, command: msgspec.Struct, *, device: str | None) -> dict[str, Any]:
        """Do what a `chat:*`, `playback:*`, `queue:*` or `member:*` command asks; answers the reply's response."""
        raise NotImplementedError

    async def me(self, room_id: RoomId, user: User | None) -> events.Member:
        """How `user` stands in the room."""
        raise NotImplementedError

    def device_seen(self, room_id: RoomId, device: str) -> None:
        """A socket of `device` is in the room; to be called every 5 s while that is so."""
        raise NotImplementedError

    def may_join(self, room: Room, user_id: UserId | None) -> None:
        """Refusal `banned`."""
        raise NotImplementedError

    def on_member(self, callback: Callable[[RoomId, UserId, str], None]) -> None:
        """Call `callback` at once when somebody was "kicked", "banned" or "muted"."""
        raise NotImplementedError

    async def start(self) -> None:
        """Take up the rooms in which something is due, and from now on do it in time."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End every timer; what was answered is stored already."""
        raise NotImplementedError
