"""A server with a room, people and no limits in the way: what a crowd comes to."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faults.checker import Stored
from load.crowd import Place
from servers import ServerProcess

NO_LIMITS: Final = {
    f"WHATSSOUND_{name}": "1000000"
    for name in (
        "CHAT_USER_PER_10S",
        "CHAT_ROOM_PER_S",
        "SOCKET_EVENTS_PER_SECOND",
        "SOCKET_EVENTS_BURST",
        "GUESTS_PER_MINUTE",
    )
}

PEOPLE: Final = 50
"""Guests that the crowd consists of; each has many sockets."""


@dataclass
class Stage:
    """Where the crowd goes, and who may speak."""

    server: ServerProcess
    place: Place
    tokens: list[str]
    owner: str

    def history(self) -> list[Stored]:
        """Every message of the room as the store has it, oldest first."""
        found: list[Stored] = []
        path = f"/v1/rooms/{self.place.room_id}/messages?limit=100"
        page = self.server.call("GET", path, token=self.owner)
        while True:
            found += [Stored(int(m["id"]), m.get("nonce", ""), m["text"]) for m in page["messages"]]
            if not page["has_more"]:
                return found[::-1]
            page = self.server.call("GET", f"{path}&before={page['messages'][-1]['id']}", token=self.owner)


@contextmanager
def stage(
    *arguments: str, data: Path | None = None, environment: Mapping[str, str] | None = None, people: int = PEOPLE
) -> Iterator[Stage]:
    """A server on a data folder of its own, with one room."""
    with tempfile.TemporaryDirectory() as folder:
        where = data or Path(folder) / "data"
        with ServerProcess(where, *arguments, environment={**NO_LIMITS, **(environment or {})}) as server:
            owner = server.token("owner")
            room = server.call("POST", "/v1/rooms", {"title": "Full house"}, token=owner)["room"]
            tokens = [server.guest(f"Listener {n}")["access_token"] for n in range(people)]
            yield Stage(server, Place(server.port, room["id"]), tokens, owner)
