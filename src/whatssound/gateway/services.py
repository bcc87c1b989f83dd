"""What the gateway asks of accounts, rooms and messages: everything behind it, in one small port."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from whatssound.accounts.service import Accounts
from whatssound.accounts.user import Identity, User
from whatssound.gateway.channel import encode_json
from whatssound.ids import RoomId, UserId
from whatssound.realtime.broadcast import Broadcast
from whatssound.realtime.kept import KeptBroadcasts, KeptPage
from whatssound.realtime.topics import Topic
from whatssound.rooms.service import RoomService
from whatssound.rooms.view import RoomView
from whatssound.wire import events
from whatssound.wire.phoenix import Json


class Services(Protocol):
    """Rooms and people, here or in the process that owns them. Every method raises Refusal where the answer is no.

    What was answered is true at some moment between the question and the answer. `unavailable` says that nobody
    answered in time: a command may have been done all the same, and is safe to repeat (it is absolute or has a nonce).
    What changes about people reaches every process within 2 s.
    """

    def verify(self, token: str) -> Identity:
        """Who an access token speaks for. Never asks anybody. Raises Refusal `unauthorized`, `unavailable`."""
        ...

    def is_recalled(self, identity: Identity) -> bool:
        """Whether this identity's token does not count any more. Never asks anybody."""
        ...

    def latest(self, identity: Identity, known: User) -> User:
        """`known`, or what has become of them since, as far as it was heard. Never asks anybody."""
        ...

    def changes(self) -> int:
        """Another number once `latest` may answer otherwise than before."""
        ...

    async def user(self, identity: Identity) -> User:
        """The person behind a token, as they are called now. Raises Refusal `forbidden`, `unauthorized`."""
        ...

    async def view(self, room_id: RoomId) -> RoomView:
        """All that joins need of a room, read after this was called. Raises Refusal `not_found`."""
        ...

    def admit(self, room_id: RoomId, view: RoomView, identity: Identity, home: str) -> None:
        """Raises Refusal `banned` to who is not let in; never asks anybody. `home` is `addresses.home_of`, or ""."""
        ...

    async def me(self, room_id: RoomId, user: User | None) -> events.Member:
        """How `user` stands in the room, read after this was called."""
        ...

    async def playback(self, room_id: RoomId) -> events.Playback:
        """What sounds now, its `hls` signed anew. Raises Refusal `not_found`."""
        ...

    async def run(
        self, room_id: RoomId, identity: Identity, user: User, command: msgspec.Struct, device: str | None
    ) -> Json:
        """Do what a `chat:*`, `playback:*`, `queue:*` or `member:*` command asks; answers the reply's response."""
        ...

    async def keep(self, topic: Topic, broadcast: Broadcast, ttl_ms: int | None) -> str:
        """Tell everybody on the topic, and answer the broadcast's id once it is stored: see `KeptBroadcasts.keep`.

        After `unavailable` it may have been told or stored all the same; asked again, it is another one.
        """
        ...

    async def kept_since(self, topic: Topic, since_ms: int, limit: int, below: str | None) -> KeptPage:
        """Broadcasts to replay: see `KeptBroadcasts.since`."""
        ...

    def visited(self, room_id: RoomId, user_id: UserId, home: str) -> None:
        """Somebody is in the room, from `home`; to be called when they join and every 5 minutes."""
        ...

    def device_seen(self, room_id: RoomId, device: str) -> None:
        """A socket of `device` is in the room; to be called every 5 s while that is so."""
        ...

    def on_member(self, callback: Callable[[RoomId, UserId, str], None]) -> None:
        """Call `callback` when somebody was "kicked", "banned" or "muted", or got another "role"."""
        ...

    def on_recalled(self, callback: Callable[[], None]) -> None:
        """Call `callback` when tokens were recalled."""
        ...

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """Call `callback` when somebody may have been banned, muted or given another role without a word of it."""
        ...


class LocalServices:
    """Services of this process itself."""

    def __init__(self, accounts: Accounts, rooms: RoomService, kept: KeptBroadcasts) -> None:
        self._accounts = accounts
        self._rooms = rooms
        self.verify = accounts.verify
        self.is_recalled = accounts.is_recalled
        self.latest = accounts.latest
        self.changes = accounts.known.changes
        self.view = rooms.view
        self.me = rooms.me
        self.device_seen = rooms.device_seen
        self.on_member = rooms.on_member
        self.keep = kept.keep
        self.kept_since = kept.since

    async def user(self, identity: Identity) -> User:
        """As Services; the store is read only when the token may not say the truth any more."""
        known = self._accounts.known.person(identity)
        return await self._accounts.user(identity) if known is None else known

    def admit(self, room_id: RoomId, view: RoomView, identity: Identity, home: str) -> None:
        """As Services."""
        view.door.admit(identity, self._rooms.home_hash(room_id, home))

    def visited(self, room_id: RoomId, user_id: UserId, home: str) -> None:
        """As Services; whoever listens keeps their guest account."""
        self._accounts.sightings.note(user_id)
        self._rooms.visited(room_id, user_id, home)

    async def playback(self, room_id: RoomId) -> events.Playback:
        """As Services."""
        return self._rooms.snapshot(await self._rooms.find(str(room_id))).playback

    async def run(
        self, room_id: RoomId, identity: Identity, user: User, command: msgspec.Struct, device: str | None
    ) -> Json:
        """As Services."""
        del identity
        return encode_json(await self._rooms.run(room_id, user, command, device=device))

    def on_recalled(self, callback: Callable[[], None]) -> None:
        """As Services; called at once."""
        self._accounts.on_recalled(lambda _user, _up_to_ms: callback())

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """As Services; never: inside one process nothing is missed."""
        del callback
