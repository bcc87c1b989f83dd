"""`realtime:room:<id>`: a room as Supabase's clients see it, who put `realtime:` in front of every topic."""

import secrets
from dataclasses import dataclass
from typing import Final

import msgspec

from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.user import Identity, User
from whatssound.gateway.channel import encode_json, refusal_payload
from whatssound.gateway.dialect import Dialect, view
from whatssound.gateway.room_visit import RoomParts, RoomVisit
from whatssound.gateway.session import Session
from whatssound.gateway.snapshots import JoinSnapshot
from whatssound.gateway.supabase import NO_DATABASE, shut_down, tell_system
from whatssound.gateway.withheld import RECENT_MS, Line
from whatssound.ids import RoomId
from whatssound.realtime.access import KEY_PREFIX, Access
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.token_texts import said_on_channel
from whatssound.wire import commands, events
from whatssound.wire import realtime as wire
from whatssound.wire.errors import ERRORS, Refusal
from whatssound.wire.phoenix import EMPTY, Frame, Json
from whatssound.wire.user_broadcast import PhoenixPush, UserPush

_decode_line: Final = msgspec.json.Decoder(commands.ChatLine).decode


@dataclass(frozen=True, slots=True)
class ViewParts:
    """What every view of a room uses in this process."""

    room: RoomParts
    access: Access


class ViewChannel(RoomVisit):
    """The room's events as broadcasts, a `chat` broadcast as `chat:send`. Private or public, it is the same view."""

    def __init__(self, session: Session, join: Frame, room: RoomId, parts: ViewParts) -> None:
        super().__init__(session, join, parts.room)
        self._access = parts.access
        self._viewed = room
        self._config = wire.JoinConfig()
        self._first: JoinSnapshot | None = None
        """What follows the join reply, until it has."""

    @property
    def dialect(self) -> Dialect:
        """What its client hears."""
        return view(self.serializer)

    # --- what the room's feed calls -----------------------------------------------------------------------------

    def removed(self, refusal: Refusal) -> None:
        """Say why in a `system` message; clients do not join again by themselves."""
        shut_down(self, refusal.message)
        self.close(payload=refusal_payload(refusal))  # whoever is still joining

    def expired(self, late_ms: float) -> None:
        """As the original does it: for good."""
        shut_down(self, said_on_channel(TokenRefusal("expired", ago_ms=late_ms)))

    # --- what the session calls ---------------------------------------------------------------------------------

    async def join(self, payload: Json) -> Json:
        """Let anybody in whom the room lets in. Raises Refusal."""
        self._config = config = wire.read_join(payload)
        if config.replay == "invalid":
            raise RealtimeRefusal("invalid", "UnableToReplayMessages: Replay params are not valid")
        now_ms = self._parts.timeline.now_ms()
        identity = self._access.joining(config.token, self.session.identity, now_ms).identity
        feed = await self._attach(identity, self._viewed)
        self._first = await self._shown(feed.position)
        return wire.joined(config.postgres_changes)

    def joined(self) -> None:
        """The room as it stands, what was said lately, and from there on whatever happens."""
        first, self._first = self._first, None
        if first is None or self._feed is None or self._position is None:
            return
        listeners = encode_json(events.Listeners(count=self._parts.hub.listeners(self._room_id)))
        frames = [first.state(self.dialect), self.dialect.frame(self._feed.topic, "listeners", listeners)]
        frames += self._replayed(first)
        self.session.send(b"".join(frames), exempt=True)
        if self._config.presence:
            self.session.push(self, "presence_state", EMPTY)
        if self._config.postgres_changes:
            tell_system(self, "error", NO_DATABASE, extension="postgres_changes")
        self._feed.release(self, self._position)

    def is_final(self, refusal: Refusal) -> bool:
        """A token can be renewed, and clients do so before they join again."""
        return super().is_final(refusal) and refusal.code != "unauthorized"

    async def serve(self, frame: Frame) -> Json | None:
        """Do what a frame asks. Raises Refusal."""
        match frame.event:
            case "broadcast":
                return await self._broadcast(frame)
            case "presence":
                return self._presence(frame)
            case "access_token":
                return await self._renew(frame.payload)
            case _:
                message = f"A session knows no event {frame.event[:40]!r} here; join `room:{self._room_id}` for all."
                raise Refusal("unknown_command", message)

    # --- commands -----------------------------------------------------------------------------------------------

    async def _broadcast(self, frame: Frame) -> Json | None:
        said = _read(frame)
        if said.event != "chat":
            message = f"Of broadcasts only `chat` works in a session; for more, join `room:{self._room_id}`."
            raise Refusal("unknown_command", message)
        person, line = self._person(), _chat_line(said.payload)
        self._require_room_for_chat()
        nonce = line.nonce or secrets.token_hex(8)
        command = commands.ChatSend(text=line.text, nonce=nonce, reply_to=line.reply_to)
        answer = await self._said(person, command)
        return answer if self._config.ack else None

    async def _said(self, person: User, command: commands.ChatSend) -> Json:
        """The answer, once the line is stored; who says it hears it only when they asked for that."""
        feed, line = self._feed, Line(str(person.id), command.nonce)
        if feed is None:
            raise Refusal("unavailable", "Join the session first.", retry_after_ms=1_000)
        if not self._config.to_self:
            feed.withhold(line, self)
        try:
            return await self._run(person, command)
        except Refusal:
            feed.let_go(line, self)
            raise
        finally:
            feed.catch_up(self)  # what has happened until then is written before the answer

    def _presence(self, frame: Frame) -> Json:
        asked = wire.read_presence(frame.payload)
        if asked is not None and asked.event == "untrack":
            return EMPTY
        message = f"A session knows who is there: GET /v1/rooms/{self._room_id}/listeners."
        raise Refusal("unsupported", message)

    async def _renew(self, payload: Json) -> None:
        """A newer token: never answered when it is good; one that is not ends the channel."""
        token = wire.read_token(payload)
        if token is None or token.startswith(KEY_PREFIX):
            return
        try:
            identity = self._access.visitor(token).identity
        except RealtimeRefusal as refusal:
            shut_down(self, refusal.reason.partition(": ")[2])
        except Refusal as refusal:  # nobody can say yet: the token that it has is still good
            self.session.count("access_token", refusal.code)
        else:
            await self._follow_token(identity)

    async def _follow_token(self, identity: Identity) -> None:
        try:
            await self._speak_for(identity)
        except Refusal as refusal:
            if ERRORS[refusal.code].retry:
                self.close("phx_error", refusal_payload(refusal))
            else:
                shut_down(self, refusal.message)

    async def _speak_for(self, identity: Identity) -> None:
        """The same person with a newer token, or somebody else: who was a reader until now has signed in."""
        before = self.user_id
        if identity.user_id is not None:
            self.session.speak_for(identity.user_id)
        self._identity = identity
        if identity.user_id == before:
            self.session.renewed(identity)
        else:
            self._user = self._me = None
            self._parts.hub.recognised(self._room_id, self, before)
        if self._feed is not None:
            shown = await self._parts.snapshots.at(self._room_id, self._feed.position)
            await self._welcomed(shown.view)

    # --- inside -------------------------------------------------------------------------------------------------

    def _replayed(self, first: JoinSnapshot) -> list[bytes]:
        """What was said lately, if that was asked for; it is not told again when it was said just now."""
        replay, feed = self._config.replay, self._feed
        if not isinstance(replay, wire.Replay) or feed is None:
            return []
        asked = [said for said in first.view.messages if said.at_ms >= replay.since_ms and not said.deleted]
        shown = asked[: replay.limit][::-1]
        now_ms = self._parts.timeline.now_ms()
        for said in shown:
            if said.nonce is not None and now_ms - said.at_ms < RECENT_MS:
                feed.withhold(Line(said.user.id, said.nonce), self)
        return [self.dialect.frame(feed.topic, "chat", _as_chat(said), _replay_meta(said)) for said in shown]


def _read(frame: Frame) -> wire.UserBroadcast:
    if isinstance(frame, UserPush) and frame.is_json:
        return wire.UserBroadcast(frame.user_event, frame.payload)
    said = None if isinstance(frame, UserPush | PhoenixPush) else wire.read_broadcast(frame.payload)
    if said is None:
        raise Refusal("invalid", "A broadcast in a session is JSON with an `event`.")
    return said


def _chat_line(payload: Json) -> commands.ChatLine:
    try:
        return _decode_line(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise Refusal("invalid", f"chat: {problem}") from None


def _as_chat(said: events.Message) -> Json:
    """The message as it was told when it was new."""
    return encode_json(events.Chat(said.id, said.user, said.text, said.at_ms, said.nonce, said.reply_to))


def _replay_meta(said: events.Message) -> Json:
    return encode_json({"replayed": True, "id": said.id})
