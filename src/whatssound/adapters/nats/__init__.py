"""The room log and the bus on NATS, for several processes and several hosts.

`NatsConnection.open(urls)` once a process; on it `NatsBus(connection)` and `NatsLog.open(connection, LogSettings())`.
"""

from whatssound.adapters.nats.bus import NatsBus
from whatssound.adapters.nats.connection import NatsConnection, NatsUnreachable
from whatssound.adapters.nats.log import NatsLog
from whatssound.adapters.nats.server import NatsServer, NatsServerFailed, ServerPlan
from whatssound.adapters.nats.stream import LogSettings, begin_epoch

__all__ = [
    "LogSettings",
    "NatsBus",
    "NatsConnection",
    "NatsLog",
    "NatsServer",
    "NatsServerFailed",
    "NatsUnreachable",
    "ServerPlan",
    "begin_epoch",
]
