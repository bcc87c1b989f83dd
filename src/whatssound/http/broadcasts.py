"""Broadcasts that come over HTTP: who may send them, how many, and where they go."""

import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from whatssound.accounts.service import Accounts
from whatssound.bus.bus import Bus
from whatssound.config import Limits
from whatssound.ids import RoomId
from whatssound.messages.limits import Buckets, Rate
from whatssound.messages.refusing import refusing
from whatssound.realtime.access import Access, Visitor
from whatssound.realtime.broadcast import Broadcast, publish
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.kept import KeptBroadcasts
from whatssound.realtime.load import Load, events_in
from whatssound.realtime.policy import SERVICE_ROLE, Extension
from whatssound.realtime.topics import Topic, room_of
from whatssound.rooms.service import RoomService
from whatssound.wire.commands import ChatLine, ChatSend
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import Json
from whatssound.wire.realtime import Persist, broadcast
from whatssound.wire.rest_broadcast import Outgoing

MAX_KEYS: Final = 10_000
"""About 2 MB. Beyond it who was quiet for longest is forgotten, and starts anew."""

TOO_MANY_IN_BATCH: Final = "Too many messages to broadcast, please reduce the batch size"


_NOT_YOURS: Final = (401, 403, 404)
"""Statuses of refusals that say what somebody may not do, or may not know of."""


class Caller(NamedTuple):
    """Who sends: a good token, and the home it comes from (`addresses.home_of`, "" when that is unknown)."""

    visitor: Visitor
    home: str


class Broadcasts:
    """Sends what clients of the HTTP API ask for. Everything raises Refusal where the answer is no."""

    def __init__(
        self,
        *,
        access: Access,
        bus: Bus,
        kept: KeptBroadcasts,
        load: Load,
        rooms: RoomService,
        accounts: Accounts,
        limits: Limits,
        now_ms: Callable[[], float],
    ) -> None:
        self.access: Final = access
        self.load: Final = load
        self.limits: Final = limits
        self._bus = bus
        self._kept = kept
        self._rooms = rooms
        self._accounts = accounts
        self._now_ms = now_ms
        rate = Rate(limits.realtime_socket_events_per_second, limits.realtime_socket_events_burst)
        self._buckets: Buckets[str] = Buckets(rate, capacity=MAX_KEYS)

    def count(self, caller: Caller, size_bytes: int, messages: int = 1) -> None:
        """Count what `caller` is about to send. Raises RealtimeRefusal `rate_limited`.

        A `service_role` is somebody's server and has no limit of its own; whoever else has as many as a socket.
        """
        if messages > self.limits.realtime_socket_events_burst:
            raise RealtimeRefusal("rate_limited", TOO_MANY_IN_BATCH)
        claims = caller.visitor.claims
        if claims.get("role") != SERVICE_ROLE:
            cost = min(self.limits.realtime_socket_events_burst, max(messages, events_in(size_bytes)))
            wait_ms = self._buckets.take(str(claims.get("sub") or caller.home), self._now_ms(), cost)
            if wait_ms:
                raise RealtimeRefusal("rate_limited", "You have exceeded your rate limit", retry_after_ms=wait_ms)
        self.load.send(size_bytes, messages)

    async def send_all(self, caller: Caller, batch: list[Outgoing]) -> None:
        """Send each. What this caller may not send is left out, as the original does.

        What could not be sent for another reason is told once the rest is on its way: raises the first such Refusal.
        """
        untold: list[Refusal] = []
        for message in batch:
            topic = Topic(message.topic, message.private)
            try:
                if (room := room_of(topic.name)) is not None:
                    await self._say(caller, room, message.event, message.payload, nonce=message.id)
                else:
                    meta = msgspec.json.encode({"id": message.id}) if message.id else b""
                    self._send(caller, topic, _json(message.event, message.payload, meta))
            except Refusal as refusal:
                if refusal.http_status not in _NOT_YOURS:
                    untold.append(refusal)
        if untold:
            raise untold[0]

    async def send(
        self,
        caller: Caller,
        topic: Topic,
        event: str,
        payload: bytes,
        *,
        is_json: bool,
        persist: Persist | None = None,
    ) -> None:
        """Send one: JSON, or bytes that only clients of binary frames hear. With `persist` it is stored on return."""
        message = _json(event, payload) if is_json else Broadcast(event, payload, is_json=False)
        if (room := room_of(topic.name)) is not None:
            await self._say(caller, room, event, payload if is_json else b"")
        elif persist is None:
            self._send(caller, topic, message)
        else:
            self._require(caller, topic, "broadcast")
            self._require(caller, topic, "persistence")
            await self._kept.keep(topic, message, persist.ttl_ms)

    def _send(self, caller: Caller, topic: Topic, message: Broadcast) -> None:
        self._require(caller, topic, "broadcast")
        publish(self._bus, topic, message)

    def _require(self, caller: Caller, topic: Topic, extension: Extension) -> None:
        self.access.require_kind(topic)
        if not self.access.allows(caller.visitor, topic, extension, "write"):
            raise RealtimeRefusal("forbidden", "Unauthorized")

    async def _say(self, caller: Caller, room_id: RoomId, event: str, payload: Json, *, nonce: str = "") -> None:
        """Say a chat line in a room, as whose token it is; everything else in a room is the room's to tell."""
        identity = caller.visitor.identity
        if event != "chat":
            raise Refusal("forbidden", "Only the room itself sends its events; a person may send `chat`.")
        try:
            said = msgspec.json.decode(payload, type=ChatLine)
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            raise Refusal("invalid", f"A chat line is {{text, nonce?, reply_to?}}: {problem}.") from None
        room = await self._rooms.find(str(room_id))
        await self._rooms.admit(room, identity, caller.home)
        user = await self._accounts.user(identity)
        nonce = said.nonce or nonce[:64] or secrets.token_hex(8)
        await refusing(self._rooms.run(room.id, user, ChatSend(said.text, nonce, said.reply_to), device=None))


def _json(event: str, payload: Json, meta: Json = b"") -> Broadcast:
    return Broadcast(event, broadcast(event, payload, meta))
