"""What this computer knows of its network."""

import errno
import random
import socket
from contextlib import ExitStack
from typing import Final

from whatssound.config import Config
from whatssound.links import Links, links_of

LASTING_PORTS: Final = range(16_384, 32_768)
"""No kernel that we run on gives one of these to an outgoing connection: Linux begins at 32,768, others at 49,152.

One of those would be free when it is looked at and taken when it is listened on, or between a server's two starts.
"""

_TRIES: Final = 1_000


def lan_address() -> str | None:
    """The address of the interface that leads out. Nothing is sent: connecting UDP only looks up the route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def links_here(config: Config) -> Links:
    """Where links to this server begin now; `config.port` is the port it got."""
    return links_of(config.public_url, host=config.listen, port=config.port, lan_address=lan_address())


def lasting_ports(host: str, count: int) -> list[int]:
    """Ports of `host` that nobody listens on and no outgoing connection takes. Raises OSError if there are too few."""
    with ExitStack() as held:
        free: list[int] = []
        for port in random.sample(LASTING_PORTS, _TRIES):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((host, port))
            except OSError as problem:
                if problem.errno != errno.EADDRINUSE:
                    raise
                continue
            free.append(port)
            if len(free) == count:
                return free
    raise OSError(errno.EADDRINUSE, f"{host} has no {count} free ports from {LASTING_PORTS[0]} to {LASTING_PORTS[-1]}")
