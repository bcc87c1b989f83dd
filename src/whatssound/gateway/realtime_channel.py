"""`realtime:<name>`: a channel into a topic that programs made up, as Supabase Realtime has it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.user import Identity
from whatssound.bus.timeline import Timeline
from whatssound.config import Limits
from whatssound.gateway.channel import Channel, ChannelState, refusal_payload
from whatssound.gateway.channel_presence import ChannelPresence, PresenceShutdown
from whatssound.gateway.keeping import asks_to_keep, keep, persist_of
from whatssound.gateway.lanes import Outlet
from whatssound.gateway.presence import Presences
from whatssound.gateway.replays import read_kept
from whatssound.gateway.services import Services
from whatssound.gateway.session import Session
from whatssound.gateway.supabase import NO_DATABASE, shut_down, tell_system
from whatssound.gateway.topics import Hearing, TopicFeed, Topics
from whatssound.realtime.access import KEY_PREFIX, Access, Visitor
from whatssound.realtime.broadcast import Broadcast, Sender
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.load import Load
from whatssound.realtime.policy import Extension, Operation, same_person
from whatssound.realtime.token_texts import said_on_channel
from whatssound.realtime.topics import MAX_NAME_BYTES, Topic
from whatssound.wire import realtime as wire
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import EMPTY, V2, Frame, Json
from whatssound.wire.presence import STATE
from whatssound.wire.user_broadcast import PhoenixPush, UserPush


@dataclass(frozen=True, slots=True)
class RealtimeParts:
    """What every realtime channel of this process uses."""

    topics: Topics
    presences: Presences
    services: Services
    access: Access
    limits: Limits
    timeline: Timeline
    load: Load


class RealtimeChannel(Channel):
    """One session on one topic."""

    def __init__(self, session: Session, join: Frame, parts: RealtimeParts) -> None:
        super().__init__(session, join)
        self._parts = parts
        self._counts = False
        self.number: Final = parts.topics.number()
        self._config = wire.JoinConfig()
        self._topic = Topic(join.topic.removeprefix(wire.PREFIX))
        self._visitor: Visitor | None = None
        self._feed: TopicFeed | None = None
        self._allowed: dict[tuple[Extension, Operation], bool] = {}
        self._binary = False
        self._replayed: Sequence[Broadcast] | None = None
        self._is_lost = False
        self._presence = ChannelPresence(self.number, self, parts.presences, parts.limits)

    # --- what the topic's feed sees -----------------------------------------------------------------------------

    @property
    def identity(self) -> Identity | None:
        """For whom it speaks, once that is known."""
        return None if self._visitor is None else self._visitor.identity

    @property
    def outlet(self) -> Outlet:
        """Where the socket's frames go."""
        return self.session.outlet

    @property
    def hearing(self) -> Hearing:
        """What goes to this channel."""
        return Hearing(self.serializer, self._binary, self._may("broadcast", "read"), self._may("presence", "read"))

    # --- what the session calls ---------------------------------------------------------------------------------

    async def join(self, payload: Json) -> Json:
        """Let a visitor in who may read. Raises Refusal."""
        self._parts.load.enter(self.session)
        self._counts = True
        self._config = config = wire.read_join(payload)
        self._topic = topic = _topic(self.topic, config.private)
        self._visitor = self._counted(
            self._parts.access.joining(config.token, self.session.identity, self._parts.timeline.now_ms())
        )
        self._parts.access.require_kind(topic)
        if not self._may("broadcast", "read") and not self._may("presence", "read"):
            raise RealtimeRefusal(
                "forbidden",
                f"Unauthorized: You do not have permissions to read from this Channel topic: {topic.name}",
            )
        if config.replay is not None and not topic.private:
            raise RealtimeRefusal("invalid", "UnableToReplayMessages: Replay is not allowed for public channels")
        if config.replay == "invalid":
            raise RealtimeRefusal("invalid", "UnableToReplayMessages: Replay params are not valid")
        self._binary = self.session.understands_binary or _speaks_supabase(config, self.serializer.vsn)
        self._feed = feed = await self._parts.topics.open(topic)
        if config.replay is not None and self._may("broadcast", "read"):
            feed.replays.hold(self.number)
            self._replayed = await read_kept(self._parts.services, topic, config.replay)
        await self._presence.join(feed, config.presence_key, hears=self._hears_presence)
        return wire.joined(config.postgres_changes)

    def joined(self) -> None:
        """What was kept follows the reply, and then everything that is published from here on."""
        feed, replayed = self._feed, self._replayed
        self._replayed = None
        if feed is not None and replayed is not None:
            try:
                frames = feed.replayed(self, replayed)
            except Refusal as refusal:
                self.close("phx_error", refusal_payload(refusal))
                return
            for frame in frames:
                self.session.send(frame, exempt=True)
        if feed is not None:
            feed.enter(self)
            self._presence.joined(hears=self._hears_presence)
        if self._config.postgres_changes:
            tell_system(self, "error", NO_DATABASE, extension="postgres_changes")

    def abandon(self) -> None:
        """The socket is gone without a word."""
        self._is_lost = True
        super().abandon()

    def left(self) -> None:
        """The topic forgets the channel."""
        if self._counts:
            self._counts = False
            self._parts.load.leave(self.session)
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.leave(self)
            self._presence.leave(lambda: self._parts.topics.release(feed), abruptly=self._is_lost)

    def check(self, now_ms: float) -> float:
        """A token that has expired ends the channel for good, as in the original."""
        if self._visitor is None or self.state is not ChannelState.JOINED:
            return 0.0
        left_ms = self._visitor.identity.expires_ms - now_ms
        if left_ms <= 0:
            self.shut_down(said_on_channel(TokenRefusal("expired", ago_ms=-left_ms)))
            return math.inf
        return left_ms

    def renewed(self, identity: Identity) -> None:
        """A newer token of the socket prolongs the channel, when that is what it was opened with."""
        if self._visitor is not None and self._visitor.by_key and same_person(self._visitor.identity, identity):
            self._speaks_for(Visitor(identity, by_key=True))

    def receive(self, frame: Frame, at_ms: float) -> None:
        """Take a frame of this channel: at once, unless something before it is not done."""
        waits = frame.event == "phx_leave" or self._working or asks_to_keep(frame)
        if waits or self.state is not ChannelState.JOINED:
            super().receive(frame, at_ms)
        else:
            self._serve(frame)

    def is_final(self, refusal: Refusal) -> bool:
        """Never, as in the original: clients try again."""
        del refusal
        return False

    async def serve(self, frame: Frame) -> Json | None:
        """Do what a frame asks that had to wait. Raises Refusal."""
        return await self._keep(frame) if asks_to_keep(frame) else self._served(frame)

    # --- commands -----------------------------------------------------------------------------------------------

    def _serve(self, frame: Frame) -> None:
        """Do what a frame asks and answer it, where an answer is expected."""
        try:
            answer = self._served(frame)
        except Refusal as refusal:
            self._refuse(frame, refusal)
        else:
            if answer is not None:
                self._answer(frame, answer)

    def _served(self, frame: Frame) -> Json | None:
        match frame.event:
            case "broadcast":
                return self._broadcast(frame)
            case "presence":
                self._require("presence", "write")
                return self._presence.run(frame.payload, self.session.now_s())
            case "access_token":
                return self._renew(frame.payload)
            case _:
                raise RealtimeRefusal("unknown_command", f"A topic knows no event {frame.event[:40]!r}.")

    def _broadcast(self, frame: Frame) -> Json | None:
        self._parts.topics.publish(self._topic, self._checked(frame))
        return EMPTY if self._config.ack else None

    async def _keep(self, frame: Frame) -> Json | None:
        """Do what a broadcast with `persist` asks; what comes after it waits, so that the order stays."""
        broadcast, answer = self._checked(frame), EMPTY
        if (persist := persist_of(frame, self._topic)) is None:
            self._parts.topics.publish(self._topic, broadcast)
        else:
            self._require("persistence", "write")
            answer = await keep(self._parts.services, self._topic, broadcast, persist)
        return answer if self._config.ack else None

    def _checked(self, frame: Frame) -> Broadcast:
        """The broadcast in `frame`, which this channel may send now. Raises Refusal."""
        self._require("broadcast", "write")
        self._parts.load.require_size(len(frame.payload))
        broadcast = self._read(frame)
        if self._feed is not None and (wait_s := self._feed.overload_s()):
            raise RealtimeRefusal("overloaded", "overloaded", retry_after_ms=math.ceil(wait_s * 1_000))
        self._parts.load.send(len(frame.payload))
        return broadcast

    def _read(self, frame: Frame) -> Broadcast:
        not_to = None if self._config.to_self else Sender(self._parts.topics.node, self.number)
        if isinstance(frame, UserPush):
            self._understood_binary()
            if not frame.is_json:
                return Broadcast(frame.user_event, frame.payload, is_json=False, not_to=not_to)
            if not wire.is_json(frame.payload):
                raise RealtimeRefusal("invalid", "The payload is no JSON.")
            return Broadcast(frame.user_event, wire.broadcast(frame.user_event, frame.payload), not_to=not_to)
        said = wire.read_broadcast(frame.payload) if not isinstance(frame, PhoenixPush) else None
        if said is None or not wire.is_json(frame.payload):
            raise RealtimeRefusal("invalid", "A broadcast is an object with an `event`.")
        return Broadcast(said.event, frame.payload, not_to=not_to)

    def _renew(self, payload: Json) -> Json | None:
        """A newer token: never answered when it is good; one that is not ends the channel."""
        token = wire.read_token(payload)
        if token is None or token.startswith(KEY_PREFIX):
            return None
        try:
            visitor = self._counted(self._parts.access.visitor(token))
        except RealtimeRefusal as refusal:
            self.shut_down(refusal.reason.partition(": ")[2])
        except Refusal as refusal:  # not now: the token that it has is still good
            self.session.count("access_token", refusal.code)
        else:
            self._speaks_for(visitor)
        return None

    def _counted(self, visitor: Visitor) -> Visitor:
        """Count this socket as one of theirs. Raises Refusal `rate_limited` when they have too many."""
        if visitor.identity.user_id is not None:
            self.session.speak_for(visitor.identity.user_id)
        return visitor

    def _speaks_for(self, visitor: Visitor) -> None:
        """Be this visitor from now on; one who may not read any more has no business here."""
        if self._visitor is not None and self._visitor.identity == visitor.identity:
            return
        self._visitor = visitor
        self._allowed.clear()
        if not (self._may("broadcast", "read") or self._may("presence", "read")):
            self.shut_down(f"You no longer have permission to read from this Channel topic: {self._topic.name}")
        elif self._feed is not None and self.state is ChannelState.JOINED:
            self._feed.catch_up(self)
            self._feed.enter(self)

    def _refuse(self, frame: Frame, refusal: Refusal) -> None:
        super()._refuse(frame, refusal)
        if isinstance(refusal, PresenceShutdown):
            self.shut_down(refusal.reason)
        if isinstance(refusal, RealtimeRefusal) and refusal.ends_socket:
            self.session.close(1001, "too many joins")
        if isinstance(refusal, RealtimeRefusal) and refusal.ends_topic and self._feed is not None:
            self._feed.send_away()

    # --- inside -------------------------------------------------------------------------------------------------

    def tell(self, event: str, payload: Json) -> None:
        """Write an event for this channel alone, after what it was to get before."""
        if self._feed is not None:
            self._feed.catch_up(self)
        self.session.push(self, event, payload, exempt=event == STATE)

    @property
    def _hears_presence(self) -> bool:
        return self._config.presence and self._may("presence", "read")

    def shut_down(self, message: str) -> None:
        """Say why, and end the channel for good: clients do not join again by themselves."""
        shut_down(self, message)

    def _may(self, extension: Extension, operation: Operation) -> bool:
        """Asked once for each token."""
        if self._visitor is None:
            return False
        key = (extension, operation)
        if key not in self._allowed:
            self._allowed[key] = self._parts.access.allows(self._visitor, self._topic, extension, operation)
        return self._allowed[key]

    def _require(self, extension: Extension, operation: Operation) -> None:
        if self._visitor is not None:
            self._parts.access.require_good(self._visitor.identity, self._parts.timeline.now_ms())
        if not self._may(extension, operation):
            raise RealtimeRefusal("forbidden", "unauthorized")

    def _understood_binary(self) -> None:
        """Who sends kind 3 understands kind 4."""
        self.session.understands_binary = True
        if not self._binary:
            self._binary = True
            if self._feed is not None:
                self._feed.catch_up(self)
                self._feed.enter(self)


def _topic(wire_name: str, private: bool) -> Topic:
    name = wire_name.removeprefix(wire.PREFIX)
    if not name:
        raise RealtimeRefusal("invalid", "TopicNameRequired: You must provide a topic name")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise RealtimeRefusal("invalid", f"TopicNameTooLong: A topic name has at most {MAX_NAME_BYTES} bytes")
    return Topic(name, private)


def _speaks_supabase(config: wire.JoinConfig, vsn: str) -> bool:
    """phoenix.js knows nothing of database changes, and would fail at a binary frame of kind 4."""
    return vsn == V2.vsn and config.postgres_changes is not None
