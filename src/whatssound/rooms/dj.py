"""What the DJ does in a room: transport and queue."""

from typing import Any

import msgspec

from whatssound.accounts.user import User
from whatssound.ids import EntryId, RoomId, Snowflakes, TrackId
from whatssound.rooms import commands as intents
from whatssound.rooms import permissions
from whatssound.rooms.catalog import Catalog
from whatssound.rooms.owned import OwnedRooms
from whatssound.rooms.room import Room, decide
from whatssound.rooms.tracks import all_playable, unsigned
from whatssound.rooms.wire_ids import asked_id
from whatssound.wire import commands, events
from whatssound.wire.errors import Refusal

LEAD_MS = 250.0
"""How far ahead of a play, seek or skip the sound begins: a network's way and a browser's start, about 100 ms each,
so that everybody hears the first note. Who learns of it later joins where it is."""


class Dj:
    """Runs the commands that only a room's DJ may give; the caller has checked that it is one."""

    def __init__(
        self,
        rooms: OwnedRooms,
        catalog: Catalog,
        ids: Snowflakes,
        *,
        lead_ms: float = LEAD_MS,
    ) -> None:
        self._rooms = rooms
        self._catalog = catalog
        self._ids = ids
        self._lead_ms = lead_ms

    async def run(self, room: Room, actor: User, command: msgspec.Struct, device: str | None) -> dict[str, Any]:
        """The reply's response; raises Refusal."""
        match command:
            case commands.QueueAdd():
                [entry_id] = await self._add(room, actor, command, [command.track_id])
                return {"entry_id": entry_id}
            case commands.QueueAddMany():
                return {"entry_ids": await self._add(room, actor, command, command.track_ids)}
            case _:
                changed = await self._decide(room.id, _intent(command, device, self._lead_ms))
                return {"rev": changed.rev}

    async def _decide(self, id: RoomId, intent: intents.Command) -> Room:
        return await self._rooms.change(id, lambda room, now_ms: decide(room, intent, now_ms))

    async def _add(
        self, room: Room, actor: User, command: commands.QueueAdd | commands.QueueAddMany, track_ids: list[str]
    ) -> list[str]:
        user_id, nonce = str(actor.id), command.nonce
        known = room.entries_of_nonce(user_id, nonce)
        if known is not None:
            return known
        if isinstance(command, commands.QueueAdd):
            tracks = [await self._catalog.playable(TrackId(asked_id(command.track_id)))]
        else:
            tracks = await all_playable(self._catalog, [TrackId(asked_id(id)) for id in track_ids])
        added_by = events.User(id=user_id, name=actor.name, role=permissions.role_in(room, actor))
        entries = tuple(
            events.Entry(id=str(EntryId(self._ids.next())), track=unsigned(track), added_by=added_by)
            for track in tracks
        )
        changed = await self._decide(room.id, intents.AddEntries(entries, nonce, command.before))
        return changed.entries_of_nonce(user_id, nonce) or []


def _intent(command: msgspec.Struct, device: str | None, lead_ms: float) -> intents.Command:  # noqa: PLR0911
    """A wire command as the room's rules know it; Refusal `unknown_command` for what is none of a room's."""
    match command:
        case commands.PlaybackPlay(entry_id=entry_id, position_ms=position_ms):
            return intents.Play(device, entry_id, position_ms, lead_ms)
        case commands.PlaybackPause():
            return intents.Pause(device)
        case commands.PlaybackSeek(position_ms=position_ms, entry_id=entry_id):
            return intents.Seek(device, position_ms, entry_id, lead_ms)
        case commands.PlaybackSkip(entry_id=entry_id):
            return intents.Skip(device, entry_id, lead_ms)
        case commands.PlaybackReport():
            return intents.Report(
                device, command.position_ms, command.at_ms, command.rev, command.state, command.settled
            )
        case commands.QueueRemove(entry_id=entry_id):
            return intents.RemoveEntry(entry_id)
        case commands.QueueMove(entry_id=entry_id, before=before):
            return intents.MoveEntry(entry_id, before)
        case _:
            raise Refusal("unknown_command", "A room knows no such command.")
