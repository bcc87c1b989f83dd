"""A server that is killed between the save of a room and the append of what it saved: `half_way.py FOLDER`.

It opens a room with a track in its queue, prints the room's id, and is gone in the middle of `playback:play`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from room_builders import ManualClock
from room_house import house
from whatssound.bus.log import LogPosition
from whatssound.ids import RoomId
from whatssound.wire import commands


async def die(room: RoomId, record: bytes, *, key: str) -> LogPosition:
    """What should have been appended never is."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError((room, record, key))


async def main(folder: Path) -> None:
    async with house(folder, ManualClock()) as at:
        room = await at.opened()
        await at.queued(room, 1, 2)
        print(room.id, flush=True)  # noqa: T201
        at.log.append = die
        await at.do(room, commands.PlaybackPlay())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
