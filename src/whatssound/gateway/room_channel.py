"""`room:<id>`: a listener's or a DJ's channel into a room."""

import contextlib
import math
import random
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from whatssound.accounts.user import Identity, User
from whatssound.bus.log import LogPosition
from whatssound.bus.timeline import Timeline
from whatssound.gateway.bucket import TokenBucket
from whatssound.gateway.channel import Channel, ChannelState, encode_json, refusal_payload
from whatssound.gateway.feed import RoomFeed
from whatssound.gateway.hub import Hub
from whatssound.gateway.lanes import Outlet
from whatssound.gateway.services import Services
from whatssound.gateway.session import Session
from whatssound.gateway.snapshots import JoinSnapshots
from whatssound.ids import RoomId, UserId, parse_id
from whatssound.rooms.view import RoomView
from whatssound.wire import commands, events
from whatssound.wire.errors import Refusal
from whatssound.wire.hints import scattered_ms
from whatssound.wire.phoenix import EMPTY, Frame, Json

PREFIX: Final = "room:"

REACTIONS_PER_S, REACTIONS_BURST = 5, 10
"""What one person may cheer; more would not be seen."""

TYPING_PER_S, TYPING_BURST = 0.5, 2
"""A client that types says so every few seconds; more is answered ok and dropped."""

REJOIN_MS: Final = 1.0
"""How much time a process has for one who joins again, when everybody in a room has to."""

VISIT_EVERY_MS: Final = 300_000
"""How often the room hears again from which home somebody listens; a ban forgets homes a day after it heard last."""

_DECODERS: Final = {name: msgspec.json.Decoder(command).decode for name, command in commands.COMMANDS.items()}
_decode_join: Final = msgspec.json.Decoder(commands.Join).decode

_REMOVED: Final = {
    "kicked": "You were asked to leave this session.",
    "banned": "You were banned from this session.",
}


@dataclass(frozen=True, slots=True)
class RoomParts:
    """What every room channel of this process uses."""

    hub: Hub
    services: Services
    snapshots: JoinSnapshots
    timeline: Timeline


class RoomChannel(Channel):
    """One session in one room. Reads need any valid token, everything else a person behind it."""

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
        self._reactions: TokenBucket | None = None
        self._typing: TokenBucket | None = None
        """Made at the first need: most listeners only listen."""

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
            self.close(payload=refusal_payload(Refusal(what, message)))
        else:
            self._doubt()

    # --- what the session calls ---------------------------------------------------------------------------------

    async def join(self, payload: Json) -> Json:
        """Attach first, then look: what happens meanwhile follows the reply."""
        asked = _decoded(_decode_join, "phx_join", payload)
        self._identity = self._identified(asked.access_token)
        if self.user_id is not None:
            self.session.speak_for(self.user_id)
        self._room_id = _room_id(self.topic)
        self._device = asked.device
        if not self._parts.hub.knows(self._room_id):
            await self._parts.snapshots.require(self._room_id)  # no feed for a room that does not exist
        self._feed = feed = await self._parts.hub.attach(self._room_id, self)
        after = None if asked.after is None else LogPosition(asked.after.epoch, asked.after.seq, asked.after.key)
        if after is not None:
            await feed.reach(after)
        # Both in one breath, and before the snapshot: whatever is looked up later shows at least this much.
        self._position = position = feed.position
        missed = None if after is None else feed.since(after)
        shown = await self._parts.snapshots.at(self._room_id, position)
        await self._welcomed(shown.view)
        return shown.reply(listeners=self._parts.hub.listeners(self._room_id), me=self._me, missed=missed)

    def joined(self) -> None:
        """Live events follow the reply, from the position that it shows."""
        if self._feed is not None and self._position is not None:
            self._feed.release(self, self._position)
        if self._device is not None and self._me is not None and self._me.role == "dj":
            self._parts.hub.lead(self._room_id, self, self._device)

    def left(self) -> None:
        """The hub forgets the channel."""
        self._parts.hub.detach(self._room_id, self)

    def at_once(self, event: str, payload: Json, at_ms: float) -> Json | None:
        """`clock` is answered before anything else can delay it."""
        if event != "clock":
            return None
        asked = _decoded(_DECODERS["clock"], event, payload)
        timeline = self._parts.timeline
        return b'{"t1":%b,"t2":%.3f,"t3":%.3f,"err_ms":%.3f}' % (
            encode_json(asked.t1),
            at_ms,
            timeline.now_ms(),
            timeline.err_ms(),
        )

    def check(self, now_ms: float) -> float:
        """A token that has expired ends the channel; a client with a newer one joins again.

        Somebody who took another name or role meanwhile has it here from now on.
        """
        if self._identity is None:
            return 0.0
        if self._identity.expires_ms <= now_ms:
            self.close("phx_error", refusal_payload(Refusal("unauthorized", "Your sign-in has expired; renew it.")))
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
        if self._identity is not None and self._identity.user_id == identity.user_id:
            self._identity = identity

    async def run(self, event: str, payload: Json) -> Json:
        """Do what one of the room's commands asks. What has happened until then is written before the answer."""
        try:
            return await self._done(event, payload)
        finally:
            if self._feed is not None:
                self._feed.catch_up(self)

    async def _done(self, event: str, payload: Json) -> Json:
        decode = _DECODERS.get(event)
        if decode is None:
            raise Refusal("unknown_command", f"There is no command {event[:40]!r} in a room.")
        command = _decoded(decode, event, payload)
        match command:
            case commands.AccessToken():
                return await self._renew(command.access_token)
            case commands.PlaybackGet():
                return encode_json(await self._parts.services.playback(self._room_id))
            case commands.Reaction():
                return await self._react(self._person(), command.emoji)
            case commands.TypingNow():
                return await self._type(self._person())
            case _:
                if isinstance(command, commands.ChatSend):
                    self._require_room_for_chat()
                return await self._run(self._person(), command)

    # --- inside -------------------------------------------------------------------------------------------------

    def _follow(self, identity: Identity) -> None:
        """Be called what this person is called by now."""
        user = self._user
        if user is not None and (now := self._parts.services.latest(identity, user)) is not user and now != user:
            self._user = now
            self._doubt()

    def _identified(self, token: str | None) -> Identity:
        if token is not None:
            return self._parts.services.verify(token)
        if self.session.identity is None:
            raise Refusal("unauthorized", "Join with an access_token, or connect with one.")
        if self.session.identity.expires_ms <= self._parts.timeline.now_ms():
            raise Refusal("unauthorized", "Your sign-in has expired; renew it.")
        if self._parts.services.is_recalled(self.session.identity):
            raise Refusal("unauthorized", "This sign-in has ended; sign in again.")
        return self.session.identity

    async def _welcomed(self, view: RoomView) -> None:
        """Know who this is, once it is sure that they may be in the room."""
        services = self._parts.services
        if self._identity is not None:
            services.admit(self._room_id, view, self._identity, self.session.home)
        if self._identity is not None and self._identity.user_id is not None:
            self._user = await services.user(self._identity)
            self._note_visit(self._parts.timeline.now_ms())
        self._me = view.door.member(self._user)

    async def _run(self, person: User, command: msgspec.Struct) -> Json:
        identity = self._identity
        if identity is None:
            raise Refusal("unauthorized", "Join the session first.")
        return await self._parts.services.run(self._room_id, identity, person, command, self._device)

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

    def _person(self) -> User:
        if self._user is None:
            raise Refusal("forbidden", "This token only reads; sign in with a name first.")
        if self._identity is not None:
            if self._parts.services.is_recalled(self._identity):
                raise Refusal("unauthorized", "This sign-in has ended; sign in again.")
            self._follow(self._identity)
        return self._user

    async def _renew(self, token: str) -> Json:
        identity = self._parts.services.verify(token)
        if self._identity is None or identity.user_id != self._identity.user_id:
            raise Refusal("forbidden", "This token belongs to somebody else; join with it instead.")
        if identity.user_id is not None:
            self._user = await self._parts.services.user(identity)
        self.session.renewed(identity)
        return EMPTY

    async def _react(self, person: User, emoji: str) -> Json:
        if emoji not in commands.REACTIONS:
            raise Refusal("invalid", f"A reaction is one of {' '.join(commands.REACTIONS)}.")
        await self._require_voice(person)
        now_s = self.session.now_s()
        bucket = self._reactions = self._reactions or TokenBucket(REACTIONS_PER_S, REACTIONS_BURST, now_s=now_s)
        if not bucket.take(now_s):
            wait_ms = bucket.wait_ms(now_s)
            raise Refusal("rate_limited", "One cheer at a time.", retry_after_ms=wait_ms)
        self._parts.hub.react(self._room_id, emoji)
        return EMPTY

    async def _type(self, person: User) -> Json:
        await self._require_voice(person)
        now_s = self.session.now_s()
        bucket = self._typing = self._typing or TokenBucket(TYPING_PER_S, TYPING_BURST, now_s=now_s)
        if self._me is not None and bucket.take(now_s):
            self._parts.hub.typing(self._room_id, encode_json(events.Typing(user=self._me.user)))
        return EMPTY

    async def _require_voice(self, person: User) -> None:
        """Raises Refusal `muted`. What the last look said is looked up again before it is held against anybody."""
        if self._is_muted():
            self._me = await self._parts.services.me(self._room_id, person)
        if self._is_muted():
            raise Refusal("muted", "You are muted for a while.")

    def _require_room_for_chat(self) -> None:
        if (wait_ms := self._parts.hub.overload_ms(self._room_id)) > 0:
            self.session.count_shed()
            raise Refusal("overloaded", "Too many are talking at once.", retry_after_ms=wait_ms)

    def _is_muted(self) -> bool:
        until_ms = None if self._me is None else self._me.muted_until_ms
        return until_ms is not None and until_ms > self._parts.timeline.now_ms()


def _room_id(topic: str) -> RoomId:
    """The id in the topic, spelled as we spell it: events come under that spelling only."""
    text = topic.removeprefix(PREFIX)
    try:
        room = RoomId(parse_id(text))
    except ValueError:
        room = None
    if room is None or str(room) != text:
        raise Refusal("not_found", "There is no such room.")
    return room


def _decoded(decode: Any, event: str, payload: Json) -> Any:
    """The payload as the event's Struct. Raises Refusal `invalid` with what is wrong and where."""
    try:
        return decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise Refusal("invalid", f"{event}: {problem}") from None
