"""Take part in rooms from Python: a bot, a display, a test.

```python
async with connect("https://music.example.org", guest="Bot") as client, client.join("friday-night") as room:
    async for event in room.events():
        if isinstance(event, Chat) and event.text == "!now":
            await room.say(f"We are at {room.position_now_ms() / 1000:.0f} s.")
```
"""

from whatssound.client.client import Client, ClientStatistics, connect
from whatssound.client.errors import BrokenOrder, Gap, NotAnswered, Offline, Repeated, Unreachable
from whatssound.client.happenings import Joined, Lost, Reactions, RoomEvent, Unknown
from whatssound.client.listening import Events
from whatssound.client.membership import RoomStatistics
from whatssound.client.room import Room
from whatssound.wire.errors import Refusal
from whatssound.wire.events import (
    Chat,
    ChatDeleted,
    ChatEdited,
    Listeners,
    Member,
    Message,
    Playback,
    Queue,
    RoomState,
    Typing,
)

__all__ = [
    "BrokenOrder",
    "Chat",
    "ChatDeleted",
    "ChatEdited",
    "Client",
    "ClientStatistics",
    "Events",
    "Gap",
    "Joined",
    "Listeners",
    "Lost",
    "Member",
    "Message",
    "NotAnswered",
    "Offline",
    "Playback",
    "Queue",
    "Reactions",
    "Refusal",
    "Repeated",
    "Room",
    "RoomEvent",
    "RoomState",
    "RoomStatistics",
    "Typing",
    "Unknown",
    "Unreachable",
    "connect",
]
