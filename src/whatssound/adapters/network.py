"""What this computer knows of its network."""

import socket

from whatssound.config import Config
from whatssound.links import Links, links_of


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
