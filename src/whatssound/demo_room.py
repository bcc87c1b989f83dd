"""The demo: a room of our own that plays as soon as its first piece is composed."""

import asyncio
from pathlib import Path

import structlog

from whatssound.accounts.user import User
from whatssound.audio.demo import Demo
from whatssound.audio.track import Track
from whatssound.rooms.room import Room
from whatssound.rooms.service import RoomService
from whatssound.wire import commands, events
from whatssound.wire.errors import Refusal

TITLE = "The demo room"


async def open_demo_room(rooms: RoomService, owner: User, folder: Path) -> Room:
    """The demo room; made when there is none."""
    note = folder / "room"
    room = await _known_room(rooms, note)
    if room is None:
        room = await rooms.create(owner, TITLE, events.Settings(listed=True))
        await asyncio.to_thread(_write, note, str(room.id))
    return room


async def fill_demo_room(rooms: RoomService, room: Room, demo: Demo, owner: User, playing: asyncio.Event) -> None:
    """Put each piece into the room the moment it exists, and play the first; `playing` is set once it does.

    Raises EncodeFailed or OSError when a piece cannot be composed.
    """
    log = structlog.get_logger()
    async for track in demo.pieces():
        await _queue(rooms, room, track, owner)
        playing.set()
        log.info("the demo has a piece", title=track.title)


async def _known_room(rooms: RoomService, note: Path) -> Room | None:
    try:
        room = await rooms.find(await asyncio.to_thread(note.read_text))
    except (OSError, Refusal):
        return None
    return None if room.ended else room


def _write(note: Path, text: str) -> None:
    note.parent.mkdir(exist_ok=True)
    note.write_text(text)


async def _queue(rooms: RoomService, room: Room, track: Track, owner: User) -> None:
    """Queue a piece that the room has not had yet, and play when nothing does."""
    now = await rooms.find(str(room.id))
    sounding = () if now.playback.entry is None else (now.playback.entry,)
    had = {entry.track.id for entry in (*sounding, *now.queue.entries, *now.deck.history)}
    if str(track.id) not in had:
        add = commands.QueueAdd(track_id=str(track.id), nonce=f"demo-{track.id}")
        await rooms.run(room.id, owner, add, device=None)
    if not sounding:
        await rooms.run(room.id, owner, commands.PlaybackPlay(), device=None)
