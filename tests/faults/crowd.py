"""A process full of listeners, to be frozen: joins a room so many times, says so, and then only holds on.

`python crowd.py <url> <token> <topic> <count>`
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from clients import SocketClient


async def crowd(url: str, token: str, topic: str, count: int) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(count):
            client = await stack.enter_async_context(SocketClient(url, token))
            await client.join(topic)
        print("joined", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(crowd(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
