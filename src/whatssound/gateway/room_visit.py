"""One session in one room, whichever way its client speaks: let in, followed while it is there, shown out."""

import contextlib
import math
import random
from abc import abstractmethod
from dataclasses import dataclass
from typing import Final

import msgspec

from whatssound.accounts.user import Identity, User
from whatssound.bus.log import LogPosition
from whatssound.bus.timeline import Timeline
from whatssound.gateway.channel import Channel, ChannelState, refusal_payload
from whatssound.gateway.dialect import Dialect
from whatssound.gateway.feed import RoomFeed
from whatssound.gateway.hub import Hub
from whatssound.gateway.lanes import Outlet
from whatssound.gateway.services import Services
from whatssound.gateway.session import Session
from whatssound.gateway.snapshots import JoinSnapshot, JoinSnapshots
from whatssound.ids import RoomId, UserId
from whatssound.realtime.policy import same_person
from whatssound.rooms.view import RoomView
from whatssound.wire import events
from whatssound.wire.errors import Refusal
from whatssound.wire.hints import scattered_ms
from whatssound.wire.phoenix import Frame, Json

REJOIN_MS: Final = 1.0
"""How much time a process has for one who joins again, when everybody in a room has to."""

VISIT_EVERY_MS: Final = 300_000
"""How often the room hears again from which home somebody listens; a ban forgets homes a day after it heard last."""

_REMOVED: Final = {
    "kicked": "You were asked to leave this session.",
    "banned": "You were banned from this session.",
}


@dataclass(frozen=True, slots=True)
class RoomParts:
    """What every channel into a room uses in this process."""

    hub: Hub
    services: Services
    snapshots: JoinSnapshots
    timeline: Timeline


class RoomVisit(Channel):
    """A member of a room's feed. Reads need any valid token, everything else a person behind it."""

    def __init__(self, session: Session, join: Frame, parts: RoomParts) -> None:
        super().__init__(session, join)
        self._parts = parts
        self._room_id = RoomId(0)
        self._identity: Identity | None = None
        self._user: User | None = None
        self._me: events.Member | None = None
        self._device: str | None = None
        self._feed: RoomFeed | None = None
        self._position: LogPosition | None = None
        self._in_doubt = False
        self._visited_ms = 0.0

    # --- what the room's feed sees ------------------------------------------------------------------------------

    @property
    def identity(self) -> Identity | None:
        """For whom it speaks, once that is known."""
        return self._identity

    @property
    def user_id(self) -> UserId | None:
        """Whose channel it is."""
        return None if self._identity is None else self._identity.user_id

    @property
    def person(self) -> events.User | None:
        """Who it is, as others in the room see them; None for a token that only reads."""
        if self._identity is None or self._identity.user_id is None:
            return None
        return events.User(str(self.user_id), self._identity.name) if self._me is None else self._me.user

    @property
    def outlet(self) -> Outlet:
        """Where the socket's frames go."""
        return self.session.outlet

    def start_over(self) -> None:
        """The room's events are not known any more: the client joins again and gets a snapshot.

        Everybody in the room does, so each is told another moment.
        """
        wait_ms = scattered_ms(self._parts.hub.listeners(self._room_id) * REJOIN_MS, random.random())
        message = "The session's events were interrupted; join again."
        self.close("phx_error", refusal_payload(Refusal("unavailable", message, retry_after_ms=wait_ms)))

    def concerned(self, what: str) -> None:
        """This person was kicked, banned or muted, or got another role."""
        if (message := _REMOVED.get(what)) is not None:
            self.removed(Refusal(what, message))
        else:
            self._doubt()

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """How its client is told of events."""

    @abstractmethod
    def removed(self, refusal: Refusal) -> None:
        """End the channel for good and say why."""

    @abstractmethod
    def expired(self, late_ms: float) -> None:
        """End the channel, whose token expired `late_ms` ago."""

    # --- what the session calls ---------------------------------------------------------------------------------

    def left(self) -> None:
        """The hub forgets the channel."""
        self._parts.hub.detach(self._room_id, self)

    def check(self, now_ms: float) -> float:
        """A token that has expired ends the channel; a client with a newer one joins again.

        Somebody who took another name or role meanwhile has it here from now on.
        """
        if self._identity is None:
            return 0.0
        if self._identity.expires_ms <= now_ms:
            self.expired(now_ms - self._identity.expires_ms)
            return math.inf
        self._follow(self._identity)
        if self._in_doubt:
            self._doubt()
        if self._in_doubt or self.state is not ChannelState.JOINED:
            return 0.0
        if now_ms - self._visited_ms >= VISIT_EVERY_MS:
            self._note_visit(now_ms)
        return self._identity.expires_ms - now_ms

    def renewed(self, identity: Identity) -> None:
        """A newer token of the same person prolongs the channel, one of somebody else does not."""
        if self._identity is not None and same_person(self._identity, identity):
            self._identity = identity

    # --- what both kinds of channel do --------------------------------------------------------------------------

    async def _attach(self, identity: Identity, room: RoomId) -> RoomFeed:
        """Become a member of the room's feed: attach first, then look, so that what happens meanwhile follows."""
        self._identity = identity
        if self.user_id is not None:
            self.session.speak_for(self.user_id)
        self._room_id = room
        if not self._parts.hub.knows(room):
            await self._parts.snapshots.require(room)  # no feed for a room that does not exist
        self._feed = feed = await self._parts.hub.attach(room, self)
        return feed

    async def _shown(self, position: LogPosition) -> JoinSnapshot:
        """The room at `position` or later, from where its events follow. Raises Refusal to who may not be there."""
        self._position = position
        shown = await self._parts.snapshots.at(self._room_id, position)
        await self._welcomed(shown.view)
        return shown

    async def _welcomed(self, view: RoomView) -> None:
        """Know who this is, once it is sure that they may be in the room."""
        services = self._parts.services
        if self._identity is not None:
            services.admit(self._room_id, view, self._identity, self.session.home)
        if self._identity is not None and self._identity.user_id is not None:
            self._user = await services.user(self._identity)
            self._note_visit(self._parts.timeline.now_ms())
        self._me = view.door.member(self._user)

    def _follow(self, identity: Identity) -> None:
        """Be called what this person is called by now."""
        user = self._user
        if user is not None and (now := self._parts.services.latest(identity, user)) is not user and now != user:
            self._user = now
            self._doubt()

    def _person(self) -> User:
        if self._user is None:
            raise Refusal("forbidden", "This token only reads; sign in with a name first.")
        if self._identity is not None:
            if self._parts.services.is_recalled(self._identity):
                raise Refusal("unauthorized", "This sign-in has ended; sign in again.")
            self._follow(self._identity)
        return self._user

    async def _run(self, person: User, command: msgspec.Struct) -> Json:
        identity = self._identity
        if identity is None:
            raise Refusal("unauthorized", "Join the session first.")
        return await self._parts.services.run(self._room_id, identity, person, command, self._device)

    def _require_room_for_chat(self) -> None:
        if (wait_ms := self._parts.hub.overload_ms(self._room_id)) > 0:
            self.session.count_shed()
            raise Refusal("overloaded", "Too many are talking at once.", retry_after_ms=wait_ms)

    # --- inside -------------------------------------------------------------------------------------------------

    def _doubt(self) -> None:
        """Look up soon how this person stands; until that was answered, once a second."""
        self._in_doubt = True
        self.session.look_again()
        self.session.spawn(self._look_up_me())

    async def _look_up_me(self) -> None:
        with contextlib.suppress(Refusal):
            self._me = await self._parts.services.me(self._room_id, self._user)
            self._in_doubt = False
            if self._me.banned:
                self.concerned("banned")

    def _note_visit(self, now_ms: float) -> None:
        self._visited_ms = now_ms
        if self.user_id is not None:
            self._parts.services.visited(self._room_id, self.user_id, self.session.home)
