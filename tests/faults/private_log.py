"""The room log of a server with several processes, as whoever has its nats-server's address sees it."""

import contextlib
import re
from collections.abc import AsyncIterator

import nats_rig
from servers import ServerProcess
from whatssound.adapters.nats import LogSettings, NatsConnection
from whatssound.adapters.nats.stream import room_subject, stream_state

STREAM = LogSettings().name


@contextlib.asynccontextmanager
async def private_log(server: ServerProcess) -> AsyncIterator[NatsConnection]:
    """A connection to the private nats-server as it runs now; each start of `server` has another one."""
    connection = await NatsConnection.open([private_url(server)], name="calamity", timeout_s=nats_rig.PATIENCE_S)
    try:
        yield connection
    finally:
        await connection.close()


def private_url(server: ServerProcess) -> str:
    """Where the private nats-server is found, with its token."""
    told = (server.data / "nats" / "server.conf").read_text()
    [listen], [token] = re.findall('^listen: "(.+)"', told, re.MULTILINE), re.findall('token: "(.+)"', told)
    return f"nats://{token}@{listen}"


async def trim(connection: NatsConnection, room: int, below_seq: int) -> None:
    """Have the log forget every event of the room below `below_seq`."""
    epoch = (await stream_state(connection, LogSettings())).epoch
    which = {"filter": room_subject(STREAM, epoch, room), "seq": below_seq}
    await nats_rig.api(connection, f"STREAM.PURGE.{STREAM}", which)
