"""How processes end: children with their parent, and the parent learns of theirs."""

import asyncio
import os


async def ended(pid: int) -> None:
    """Return once the child `pid` is gone; it can be waited for then."""
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    descriptor = os.pidfd_open(pid)
    try:
        loop.add_reader(descriptor, gone.set)
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
