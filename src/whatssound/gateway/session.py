"""A session: one user's socket session, and what its frames mean."""

import time
from collections.abc import Callable, Coroutine, Hashable
from enum import Enum, auto
from typing import Any, Protocol

from whatssound.accounts.user import Identity
from whatssound.config import Limits
from whatssound.gateway.admission import Admission
from whatssound.gateway.bucket import TokenBucket
from whatssound.gateway.channel import Channel, encode_json
from whatssound.gateway.lanes import Outlet
from whatssound.gateway.metrics import Metrics
from whatssound.ids import UserId
from whatssound.realtime.errors import RealtimeRefusal, reply_on
from whatssound.realtime.load import events_in
from whatssound.realtime.policy import same_person
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import EMPTY, NULL, V2, Frame, Json, MalformedFrame, Serializer, text_frame
from whatssound.wire.realtime import PREFIX as REALTIME_PREFIX
from whatssound.wire.user_broadcast import decode_binary

PENDING_COMMANDS = 32
"""Joins and commands of one socket that may wait or run; the next one is answered `overloaded`."""

FLOOD_PER_S, FLOOD_BURST = 200, 2_000
"""Frames of any kind, sense or nonsense, that are read without a pause; ten times what commands are allowed."""

HEARING_AGAIN = 200
"""Frames a flooding socket must have earned before it is read again: a pause of about 1 s."""

JUNK_FRAMES = 5_000
"""A socket that sends so many malformed frames and not one good one in between is closed (1008)."""

LOOK_MS = 15_000.0
"""A session is looked at so often when it says that nothing is due: server time may be set meanwhile."""

UNMATCHED: Json = b'{"reason":"unmatched topic"}'


class SessionState(Enum):
    """Where a session is in its life."""

    OPEN = auto()
    ENDED = auto()
    """The socket is gone or going: nothing is read or written any more."""


class Connection(Protocol):
    """The socket under a session."""

    @property
    def outlet(self) -> Outlet:
        """Where the frames that many sockets get go in."""
        ...

    def send(self, frame: bytes, *, state: Hashable | None = None, exempt: bool = False) -> None:
        """Send a pre-encoded WebSocket frame; see `Outbox.send`."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Close it."""
        ...

    def look_again(self) -> None:
        """Call `Session.check` soon, whatever it said last."""
        ...

    def pause_reading(self) -> None:
        """Take nothing more in."""
        ...

    def resume_reading(self) -> None:
        """Listen again."""
        ...


class Rules(Protocol):
    """What sessions share: made once by the gateway."""

    @property
    def limits(self) -> Limits: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def admission(self) -> Admission: ...
    def now_ms(self) -> float:
        """Server time."""
        ...

    def channel(self, session: "Session", join: Frame) -> Channel | None:
        """A channel for the topic that `join` names; None when there is no such kind of topic."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` and see to its end."""
        ...


class Session:
    """What one socket has joined, may do, and has to wait for.

    `identity` is the socket's own, from its URL; a join may bring another, and `access_token` replaces it.
    `home` is where it comes from (`addresses.home_of`), "" when that is unknown.
    Policy for what cannot be read: malformed frames are counted and dropped, the connection stays.
    """

    def __init__(
        self,
        connection: Connection,
        serializer: Serializer,
        identity: Identity | None,
        rules: Rules,
        *,
        home: str = "",
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.home = home
        self.serializer = serializer
        self.identity = identity
        self.send = connection.send
        self.understands_binary = False
        """Whether its client has sent a binary frame of Supabase's, and so understands ours."""
        self.state = SessionState.OPEN
        self._connection = connection
        self._rules = rules
        self.now_s = now_s
        limits, now = rules.limits, now_s()
        self._events = TokenBucket(limits.socket_events_per_second, limits.socket_events_burst, now_s=now)
        self._realtime_events: TokenBucket | None = None
        """Made at the first need: most sockets are in rooms only."""
        self._flood = TokenBucket(FLOOD_PER_S, FLOOD_BURST, now_s=now)
        self._people: tuple[UserId, ...] = ()
        self._channels: dict[str, Channel] = {}
        self._pending = 0
        self._junk = 0
        self._deaf = False

    # --- what the socket calls ----------------------------------------------------------------------------------

    def received(self, message: bytes, *, text: bool) -> None:
        """Take a whole message."""
        at_ms = self._rules.now_ms()
        self.may_receive()
        if self.state is SessionState.ENDED:
            return
        try:
            frame = self.serializer.decode(message) if text else self._decode_binary(message)
        except MalformedFrame:
            self._malformed()
            return
        self._junk = 0
        self._dispatch(frame, at_ms)

    def may_receive(self) -> bool:
        """Count a frame; False when there were too many and the socket is not read for a while."""
        if self._flood.take(self.now_s()):
            return True
        if not self._deaf:
            self._deaf = True
            self._connection.look_again()
            self._rules.metrics.floods.inc()
            self._connection.pause_reading()
        return False

    def check(self, now_s: float) -> float:
        """Hear a flooding socket again, end what has expired; after how many seconds there may be more to do."""
        if self._deaf and self._flood.wait_ms(now_s, HEARING_AGAIN) == 0:
            self._deaf = False
            self._connection.resume_reading()
        now_ms, wait_ms = self._rules.now_ms(), 0.0 if self._deaf else LOOK_MS
        for channel in tuple(self._channels.values()):
            wait_ms = min(wait_ms, channel.check(now_ms))
        return wait_ms / 1_000

    def ended(self) -> None:
        """The socket is gone or going; leave everything."""
        if self.state is SessionState.OPEN:
            self.state = SessionState.ENDED
            for user in self._people:
                self._rules.admission.leave_as(user, self.home)
            for channel in tuple(self._channels.values()):
                channel.abandon()

    # --- what channels call -------------------------------------------------------------------------------------

    @property
    def outlet(self) -> Outlet:
        """Where the frames that many sockets get go in."""
        return self._connection.outlet

    def reply(self, frame: Frame, join_ref: Json, *, ok: bool, response: Json, exempt: bool = False) -> None:
        """Answer `frame`; `exempt` is for join replies, which may be long."""
        message = self.serializer.reply(join_ref, frame.ref, frame.topic, ok=ok, response=response)
        self.send(text_frame(message), exempt=exempt)

    def push(self, channel: Channel, event: str, payload: Json, *, exempt: bool = False) -> None:
        """Tell one channel of something; `exempt` is for what follows a join reply, and may be long."""
        self.send(text_frame(self.serializer.push(channel.join_ref, channel.topic, event, payload)), exempt=exempt)

    def claim(self) -> bool:
        """Take a place for work, or False when all are taken; give it back with `release`."""
        if self._pending >= PENDING_COMMANDS:
            return False
        self._pending += 1
        return True

    def release(self) -> None:
        """Give back what `claim` took."""
        self._pending -= 1

    def close(self, code: int, reason: str) -> None:
        """Close the whole socket."""
        self._connection.close(code, reason)

    def look_again(self) -> None:
        """A channel has something due soon."""
        self._connection.look_again()

    def forget(self, channel: Channel) -> None:
        """`channel` is over."""
        if self._channels.get(channel.topic) is channel:
            del self._channels[channel.topic]
            self._rules.metrics.channels.dec()

    def late(self, frame: Frame) -> None:
        """Answer a frame whose channel ended before its turn came, as if it had come afterwards."""
        if self.state is SessionState.OPEN and frame.event != "phx_join" and frame.topic not in self._channels:
            is_leave = frame.event == "phx_leave"
            self.reply(frame, NULL, ok=is_leave, response=EMPTY if is_leave else UNMATCHED)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`; it outlives the socket."""
        self._rules.spawn(work)

    def count(self, command: str, result: str) -> None:
        """Note how a join or command was answered."""
        self._rules.metrics.answered(command, result)

    def count_shed(self) -> None:
        """Note a chat message that was refused because the room's flushes cannot keep up."""
        self._rules.metrics.shed.inc()

    def speak_for(self, user: UserId) -> None:
        """This socket speaks for `user` from now on. Refusal `rate_limited` when too many do already."""
        if self.state is SessionState.OPEN and user not in self._people:
            self._rules.admission.enter_as(user, self.home)
            self._people += (user,)

    def renewed(self, identity: Identity) -> None:
        """A person showed a newer token: it is the socket's and all their channels' from now on."""
        if self.identity is None or same_person(self.identity, identity):
            self.identity = identity
        for channel in self._channels.values():
            channel.renewed(identity)

    def speaks_for(self, wanted: Callable[[Identity], bool]) -> bool:
        """Whether the socket or one of its channels has an identity that is `wanted`."""
        identities = [self.identity, *(channel.identity for channel in self._channels.values())]
        return any(identity is not None and wanted(identity) for identity in identities)

    # --- inside -------------------------------------------------------------------------------------------------

    def _dispatch(self, frame: Frame, at_ms: float) -> None:
        if frame.topic == "phoenix" and frame.event == "heartbeat":
            self.reply(frame, NULL, ok=True, response=EMPTY)
            return
        channel = self._channels.get(frame.topic)
        if frame.event == "phx_leave":
            self._leave(channel, frame, at_ms)
        elif frame.event != "phx_join" and channel is not None and _is_stale(frame, channel):
            return
        elif not self._fits(frame):
            message = f"A frame has at most {self._rules.limits.frame_bytes} bytes here."
            self._refuse(frame, Refusal("too_large", message), NULL if channel is None else channel.join_ref)
        elif not (events := self._events_on(frame.topic)).take(self.now_s(), events_in(len(frame.payload))):
            self._too_many(channel, frame, events)
        elif frame.event == "phx_join":
            self._join(channel, frame)
        elif channel is None:
            self.reply(frame, NULL, ok=False, response=UNMATCHED)
        else:
            channel.receive(frame, at_ms)

    def _join(self, old: Channel | None, frame: Frame) -> None:
        if old is not None and self.serializer.vsn == V2.vsn:
            old.close()
        elif old is not None:
            old.abandon()  # no `join_ref` in version 1: a `phx_close` would end the new join at the client
        channel = self._rules.channel(self, frame)
        if channel is None:
            self.reply(frame, NULL, ok=False, response=UNMATCHED)
        elif len(self._channels) >= self._rules.limits.socket_channels:
            self._refuse(frame, self._no_more_channels(frame.topic))
        elif not self.claim():
            self._refuse(frame, Refusal("overloaded", "Too much at once; slow down.", retry_after_ms=1_000))
        else:
            self._channels[frame.topic] = channel
            self._rules.metrics.channels.inc()
            channel.open(frame)

    def _leave(self, channel: Channel | None, frame: Frame, at_ms: float) -> None:
        if channel is None:
            self.reply(frame, NULL, ok=True, response=EMPTY)
        elif not _is_stale(frame, channel):
            channel.receive(frame, at_ms)

    def _no_more_channels(self, topic: str) -> Refusal:
        if topic.startswith(REALTIME_PREFIX):
            return RealtimeRefusal("rate_limited", "ChannelRateLimitReached: Too many channels", retry_after_ms=5_000)
        message = f"This socket has joined {len(self._channels)} topics already; leave one first."
        return Refusal("rate_limited", message, retry_after_ms=5_000)

    def _fits(self, frame: Frame) -> bool:
        """Only realtime topics take what is larger than a frame to a room may be."""
        return len(frame.payload) <= self._rules.limits.frame_bytes or frame.topic.startswith(REALTIME_PREFIX)

    def _events_on(self, topic: str) -> TokenBucket:
        """Programs on realtime topics send more often than people in rooms do."""
        if not topic.startswith(REALTIME_PREFIX):
            return self._events
        if self._realtime_events is None:
            limits = self._rules.limits
            per_second, burst = limits.realtime_socket_events_per_second, limits.realtime_socket_events_burst
            self._realtime_events = TokenBucket(per_second, burst, now_s=self.now_s())
        return self._realtime_events

    def _too_many(self, channel: Channel | None, frame: Frame, events: TokenBucket) -> None:
        wait_ms = events.wait_ms(self.now_s(), events_in(len(frame.payload)))
        refusal = Refusal("rate_limited", f"At most {events.per_second:g} events a second.", retry_after_ms=wait_ms)
        self._refuse(frame, refusal, NULL if channel is None else channel.join_ref)

    def _refuse(self, frame: Frame, refusal: Refusal, join_ref: Json = NULL) -> None:
        self.count(frame.event, refusal.code)
        join_ref = frame.join_ref if frame.event == "phx_join" else join_ref
        self.reply(frame, join_ref, ok=False, response=encode_json(reply_on(frame, refusal)))

    def _decode_binary(self, message: bytes) -> Frame:
        if self.serializer.vsn != V2.vsn:
            raise MalformedFrame("binary frames mean nothing in version 1")
        return decode_binary(message)

    def _malformed(self) -> None:
        self._rules.metrics.malformed.inc()
        self._junk += 1
        if self._junk > JUNK_FRAMES:
            self._connection.close(1008, "not a single frame was understood")


def _is_stale(frame: Frame, channel: Channel) -> bool:
    """Whether the frame belongs to an earlier join of the same topic."""
    return frame.join_ref not in (NULL, channel.join_ref)
