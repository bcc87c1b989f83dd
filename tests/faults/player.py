"""A process for the kill test: a room that plays on and on, its clock moved as fast as it saves.

Prints the room's id and its clock after each save.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from room_builders import ManualClock
from room_house import house
from whatssound.wire.commands import PlaybackPlay


async def main(folder: Path) -> None:
    clock = ManualClock()
    async with house(folder, clock) as at:
        room = await at.opened()
        await at.queued(room, 1, 2, 3)
        await at.do(room, PlaybackPlay(), device=None)
        while True:
            sys.stdout.write(f"{room.id} {int(clock())}\n")
            sys.stdout.flush()
            await at.pass_time(7_000)


asyncio.run(main(Path(sys.argv[1])))
