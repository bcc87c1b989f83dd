"""What tests of `realtime:room:<id>` share: names, joins as Supabase's clients have them, and what is heard there."""

from typing import Any

from clients import SocketClient
from whatssound.rooms.room import Room


def plain(room: Room) -> str:
    return f"room:{room.id}"


def view(room: Room) -> str:
    return f"realtime:room:{room.id}"


def config(*, ack: bool = False, to_self: bool = False, replay: Any = None, **more: Any) -> dict[str, Any]:
    """A join's payload as supabase-js has it."""
    broadcast = {"ack": ack, "self": to_self, **({} if replay is None else {"replay": replay})}
    return {"config": {"broadcast": broadcast, "presence": {"key": "", "enabled": False}, "private": False, **more}}


async def broadcast(client: SocketClient, name: str, *, after: int = 0, where: Any = None) -> dict[str, Any]:
    """The first broadcast of this name whose payload is so."""

    def wanted(payload: dict[str, Any]) -> bool:
        return payload["event"] == name and (where is None or where(payload["payload"]))

    heard = await client.event("broadcast", after=after, where=wanted)
    assert heard["type"] == "broadcast"
    return heard


def broadcasts(client: SocketClient, topic: str) -> list[str]:
    return [payload["event"] for on, event, payload in client.events if (on, event) == (topic, "broadcast")]


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "broadcast", "event": "chat", "payload": {"text": text, **more}}


def is_chat(name: str, payload: dict[str, Any]) -> bool:
    """Whether what a view heard is a chat line."""
    return name == "broadcast" and payload["event"] == "chat"
