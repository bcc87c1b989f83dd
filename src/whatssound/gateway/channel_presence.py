"""One channel's part in its topic's presence: what it says of itself, and what it hears of the others."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Final

from whatssound.config import Limits
from whatssound.gateway.bucket import TokenBucket
from whatssound.gateway.presence import Member, Presences, TopicPresence
from whatssound.gateway.topics import TopicFeed
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.wire.phoenix import EMPTY, Json
from whatssound.wire.presence import read_body
from whatssound.wire.realtime import read_presence

CALLS_S: Final = 30.0
"""Over how long the calls of a channel are counted."""


class PresenceShutdown(RealtimeRefusal):
    """Answered, and then the channel is over."""


class ChannelPresence:
    """What `member`, the channel `number`, has to do with presence. It holds the topic's from when it needs it."""

    __slots__ = ("_calls", "_feed", "_key", "_limits", "_member", "_number", "_presences", "_topic")

    def __init__(self, number: int, member: Member, presences: Presences, limits: Limits) -> None:
        self._number = number
        self._member = member
        self._presences = presences
        self._limits = limits
        self._key = ""
        self._calls: TokenBucket | None = None
        self._feed: TopicFeed | None = None
        self._topic: TopicPresence | None = None

    async def join(self, feed: TopicFeed, key: str, *, hears: bool) -> None:
        """Come to a topic; returns once it is known who is present, when the channel `hears` of it."""
        self._feed, self._key = feed, key
        if hears:
            await self._held(feed).known()

    def joined(self, *, hears: bool) -> None:
        """The channel has entered the feed: tell it who is present."""
        if hears and self._topic is not None:
            self._topic.greet(self._member)

    def leave(self, release_feed: Callable[[], None], *, abruptly: bool) -> None:
        """The channel is over; `release_feed` is called once nothing of it is left on the topic."""
        topic, self._topic, self._feed = self._topic, None, None
        if topic is None:
            release_feed()
            return
        topic.forget(self._number)
        grace_s = self._limits.presence_grace_s if abruptly else 0.0
        if grace_s > 0 and topic.leave_behind(self._number):
            asyncio.get_running_loop().call_later(grace_s, self._gone, topic, release_feed)
        else:
            self._gone(topic, release_feed)

    def _gone(self, topic: TopicPresence, release_feed: Callable[[], None]) -> None:
        topic.untrack(self._number)
        self._presences.release(topic)
        release_feed()

    def run(self, payload: Json, now_s: float) -> Json:
        """Do what a `presence` event asks. Raises RealtimeRefusal."""
        if self._calls is None:
            calls = self._limits.presence_calls_per_30s
            self._calls = TokenBucket(calls / CALLS_S, calls, now_s=now_s)
        if not self._calls.take(now_s):
            raise PresenceShutdown("rate_limited", "Client presence rate limit exceeded")
        command = read_presence(payload)
        match command.event if command is not None else "":
            case "track":
                self._track(command.payload if command is not None else EMPTY)
            case "untrack":
                if self._topic is not None:
                    self._topic.untrack(self._number)
            case other:
                raise RealtimeRefusal("unknown_command", f"Presence knows `track` and `untrack`, not {other[:40]!r}.")
        return EMPTY

    def _track(self, payload: Json) -> None:
        body = read_body(payload)
        if body is None:
            raise RealtimeRefusal("invalid", "Presence track payload must be a map")
        self._key = self._key or str(uuid.uuid4())
        if len(self._key.encode()) + len(body) > self._limits.presence_bytes:
            raise PresenceShutdown("too_large", "Track message size exceeded")
        if self._feed is not None:
            self._held(self._feed).track(self._number, self._member, self._key, body)

    def _held(self, feed: TopicFeed) -> TopicPresence:
        if self._topic is None:
            self._topic = self._presences.hold(feed)
        return self._topic
