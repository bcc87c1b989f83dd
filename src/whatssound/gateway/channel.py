"""A channel: one session's membership of one topic. What all kinds of topic have in common."""

import math
from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import TYPE_CHECKING

import msgspec
import structlog

from whatssound.accounts.user import Identity
from whatssound.messages.refusing import refusing
from whatssound.realtime.errors import reply_on
from whatssound.wire.errors import ERRORS, Refusal
from whatssound.wire.phoenix import EMPTY, NULL, Frame, Json, Serializer

if TYPE_CHECKING:
    from whatssound.gateway.session import Session

_log = structlog.get_logger("whatssound.gateway.channel")
encode_json = msgspec.json.Encoder().encode


class ChannelState(Enum):
    """Where a channel is in its life."""

    JOINING = auto()
    JOINED = auto()
    CLOSED = auto()


class Channel(ABC):
    """Runs a topic's join, commands and leave one after another, and answers each.

    Bounded: the session lends a limited number of places for work (see `Session.claim`); without one a command is
    answered `overloaded`. A command that runs when the socket goes is finished; those behind it are not begun.
    """

    def __init__(self, session: "Session", join: Frame) -> None:
        self.session = session
        self.topic = join.topic
        self.join_ref: Json = join.join_ref if join.join_ref != NULL else join.ref
        self.state = ChannelState.JOINING
        self._work: list[Frame] = []  # at most 32; an empty deque takes 760 bytes
        self._working = False

    @property
    def serializer(self) -> Serializer:
        """What the socket speaks."""
        return self.session.serializer

    @property
    def identity(self) -> Identity | None:
        """For whom this channel speaks, once that is known."""
        return None

    @abstractmethod
    async def join(self, payload: Json) -> Json:
        """Let the person in; answers the reply's response. Raises Refusal."""

    @abstractmethod
    def joined(self) -> None:
        """The join reply is written: live events may follow."""

    @abstractmethod
    async def serve(self, frame: Frame) -> Json | None:
        """Do what a frame asks; answers the reply's response, or None where none is expected. Raises Refusal."""

    @abstractmethod
    def left(self) -> None:
        """The channel is over, for whatever reason; called again when that happened while it joined."""

    def is_final(self, refusal: Refusal) -> bool:
        """Whether a join so refused is followed by `phx_close`, so that clients do not try again."""
        return not ERRORS[refusal.code].retry

    def at_once(self, event: str, payload: Json, at_ms: float) -> Json | None:
        """The answer to an event that must not wait its turn, or None. Raises Refusal.

        `at_ms` is when the frame arrived, server time.
        """
        del event, payload, at_ms
        return None

    def check(self, now_ms: float) -> float:
        """Do what is due at `now_ms`, server time; after how many milliseconds there is more to do."""
        del now_ms
        return math.inf

    def renewed(self, identity: Identity) -> None:
        """Somebody showed a newer token on this socket; it may be this channel's person."""
        del identity

    def receive(self, frame: Frame, at_ms: float) -> None:
        """Take a frame of this channel."""
        try:
            answer = self.at_once(frame.event, frame.payload, at_ms)
        except Refusal as refusal:
            self._refuse(frame, refusal)
            return
        if answer is not None:
            self._answer(frame, answer)
        elif frame.event == "phx_leave" or self.session.claim():
            self._work.append(frame)
            self._begin()
        else:
            self._refuse(frame, Refusal("overloaded", "Too much at once; slow down.", retry_after_ms=1_000))

    def open(self, join: Frame) -> None:
        """Begin to join. A place was claimed for it."""
        self._work.append(join)
        self._begin()

    def close(self, event: str = "phx_close", payload: Json = EMPTY) -> None:
        """End the channel and say so: `phx_close` is final for clients, `phx_error` makes them join again."""
        if self._end():
            self.session.push(self, event, payload)

    def abandon(self) -> None:
        """End the channel because its socket is gone."""
        self._end()

    def _end(self) -> bool:
        if self.state is ChannelState.CLOSED:
            return False
        self.state = ChannelState.CLOSED
        self.session.forget(self)
        self.left()
        return True

    def _begin(self) -> None:
        if not self._working:
            self._working = True
            self.session.spawn(self._worked())

    async def _worked(self) -> None:
        while self._work:
            frame = self._work.pop(0)
            try:
                if self.state is ChannelState.CLOSED:
                    self.session.late(frame)
                else:
                    await self._do(frame)
            except Exception:  # an answer could not be given: the client is better off joining again
                _log.exception("a channel failed", topic=self.topic)
                self.close("phx_error")
            finally:
                if frame.event != "phx_leave":
                    self.session.release()
        self._working = False

    async def _do(self, frame: Frame) -> None:
        if frame.event == "phx_leave":
            self._answer(frame, EMPTY)
            self.close()
            return
        joining = self.state is ChannelState.JOINING
        try:
            answer = await refusing(self.join(frame.payload) if joining else self.serve(frame))
        except Refusal as refusal:
            self._refuse(frame, refusal)
        except Exception:  # the edge of a command
            _log.exception("a command failed", topic=self.topic, command=frame.event)
            self._refuse(frame, Refusal("internal", "Something went wrong here; it was written down."))
        else:
            if answer is None:
                self.session.count(frame.event, "ok")
            else:
                self._answer(frame, answer)
        if joining and self.state is ChannelState.CLOSED:
            self.left()  # what the join attached after the channel had ended

    def _answer(self, frame: Frame, response: Json) -> None:
        self.session.count(frame.event, "ok")
        if self.state is ChannelState.JOINED:
            self.session.reply(frame, self.join_ref, ok=True, response=response)
        elif self.state is ChannelState.JOINING:
            self.session.reply(frame, self.join_ref, ok=True, response=response, exempt=frame.event == "phx_join")
            if frame.event == "phx_join":
                self.state = ChannelState.JOINED
                self.joined()

    def _refuse(self, frame: Frame, refusal: Refusal) -> None:
        """Say no. A join that is refused for good is followed by `phx_close`: phoenix.js retries after an error."""
        self.session.count(frame.event, refusal.code)
        if self.state is ChannelState.CLOSED:
            return
        self.session.reply(frame, self.join_ref, ok=False, response=encode_json(reply_on(frame, refusal)))
        if frame.event != "phx_join":
            return
        if self.is_final(refusal):
            self.close(payload=refusal_payload(refusal))
        else:
            self._end()


def refusal_payload(refusal: Refusal) -> Json:
    """The payload of a `phx_close` or `phx_error` that a person should understand: `{code, message, …}`."""
    return encode_json(refusal.as_body())
