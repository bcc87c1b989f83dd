"""`room:<id>`: a listener's or a DJ's channel into a room."""

from typing import Any, Final

import msgspec

from whatssound.accounts.user import Identity, User
from whatssound.bus.log import LogPosition
from whatssound.gateway.bucket import TokenBucket
from whatssound.gateway.channel import encode_json, refusal_payload
from whatssound.gateway.dialect import Dialect, plain
from whatssound.gateway.room_visit import RoomParts, RoomVisit
from whatssound.gateway.session import Session
from whatssound.ids import RoomId, parse_id
from whatssound.realtime.policy import same_person
from whatssound.wire import commands, events
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import EMPTY, Frame, Json

PREFIX: Final = "room:"

REACTIONS_PER_S, REACTIONS_BURST = 5, 10
"""What one person may cheer; more would not be seen."""

TYPING_PER_S, TYPING_BURST = 0.5, 2
"""A client that types says so every few seconds; more is answered ok and dropped."""

_DECODERS: Final = {name: msgspec.json.Decoder(command).decode for name, command in commands.COMMANDS.items()}
_decode_join: Final = msgspec.json.Decoder(commands.Join).decode


class RoomChannel(RoomVisit):
    """A room as our own clients see it."""

    def __init__(self, session: Session, join: Frame, parts: RoomParts) -> None:
        super().__init__(session, join, parts)
        self._reactions: TokenBucket | None = None
        self._typing: TokenBucket | None = None
        """Made at the first need: most listeners only listen."""

    # --- what the room's feed calls -----------------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """What its client hears."""
        return plain(self.serializer)

    def removed(self, refusal: Refusal) -> None:
        """Close the channel, with the reason."""
        self.close(payload=refusal_payload(refusal))

    def expired(self, late_ms: float) -> None:
        """Come back with a newer token."""
        del late_ms
        self.close("phx_error", refusal_payload(Refusal("unauthorized", "Your sign-in has expired; renew it.")))

    # --- what the session calls ---------------------------------------------------------------------------------

    async def join(self, payload: Json) -> Json:
        """Attach first, then look: what happens meanwhile follows the reply."""
        asked = _decoded(_decode_join, "phx_join", payload)
        identity, room = self._identified(asked.access_token), _room_id(self.topic)
        self._device = asked.device
        feed = await self._attach(identity, room)
        after = None if asked.after is None else LogPosition(asked.after.epoch, asked.after.seq, asked.after.key)
        if after is not None:
            await feed.reach(after)
        # Both in one breath, and before the snapshot: whatever is looked up later shows at least this much.
        position = feed.position
        missed = None if after is None else feed.since(after)
        shown = await self._shown(position)
        return shown.reply(listeners=self._parts.hub.listeners(self._room_id), me=self._me, missed=missed)

    def joined(self) -> None:
        """Live events follow the reply, from the position that it shows."""
        if self._feed is not None and self._position is not None:
            self._feed.release(self, self._position)
        if self._device is not None and self._me is not None and self._me.role == "dj":
            self._parts.hub.lead(self._room_id, self, self._device)

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

    async def serve(self, frame: Frame) -> Json:
        """Do what one of the room's commands asks. What has happened until then is written before the answer."""
        try:
            return await self._done(frame.event, frame.payload)
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

    async def _renew(self, token: str) -> Json:
        identity = self._parts.services.verify(token)
        if self._identity is None or not same_person(identity, self._identity):
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
