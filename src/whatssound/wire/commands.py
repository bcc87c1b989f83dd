"""What a listener or a DJ may ask of `room:<id>`: one Struct a command, checked while it is decoded.

`COMMANDS` maps the event's name to its Struct; the gateway decodes by it and answers `unknown_command`
for any other name.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(pattern=r"^[0-9]{1,19}$")]
Nonce = Annotated[str, Meta(min_length=1, max_length=64)]
PositionMs = Annotated[float, Meta(ge=0, le=86_400_000)]


class Position(msgspec.Struct, frozen=True):
    """Where a client stands in the room log."""

    epoch: str
    seq: int
    key: str


class Join(msgspec.Struct, frozen=True):
    """Payload of `phx_join`. `device` names this browser or speaker; `after` asks for what was missed."""

    device: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    after: Position | None = None
    access_token: str | None = None


class Clock(msgspec.Struct, frozen=True):
    t1: float


class ChatSend(msgspec.Struct, frozen=True):
    text: str
    nonce: Nonce
    reply_to: Id | None = None


class ChatLine(msgspec.Struct, frozen=True):
    """What a `chat` broadcast on a room's view says: `ChatSend` whose nonce may be ours."""

    text: str
    nonce: Nonce | None = None
    reply_to: Id | None = None


class ChatEdit(msgspec.Struct, frozen=True):
    id: Id
    text: str


class ChatDelete(msgspec.Struct, frozen=True):
    id: Id


class PlaybackPlay(msgspec.Struct, frozen=True):
    entry_id: Id | None = None
    position_ms: PositionMs | None = None


class PlaybackPause(msgspec.Struct, frozen=True):
    pass


class PlaybackSeek(msgspec.Struct, frozen=True):
    position_ms: PositionMs
    entry_id: Id | None = None


class PlaybackSkip(msgspec.Struct, frozen=True):
    entry_id: Id | None = None


class PlaybackReport(msgspec.Struct, frozen=True):
    position_ms: PositionMs
    at_ms: float
    rev: int
    state: Literal["playing", "stalled"]
    settled: bool = False
    """Measured with care, right after a start: the room may be moved there at once, while all find their place."""


class PlaybackGet(msgspec.Struct, frozen=True):
    pass


class QueueAdd(msgspec.Struct, frozen=True):
    track_id: Id
    nonce: Nonce
    before: Id | None = None


class QueueAddMany(msgspec.Struct, frozen=True):
    """Several tracks at once, in this order: a folder, a saved queue."""

    track_ids: Annotated[list[Id], Meta(min_length=1, max_length=200)]
    nonce: Nonce
    before: Id | None = None


class QueueRemove(msgspec.Struct, frozen=True):
    entry_id: Id


class QueueMove(msgspec.Struct, frozen=True):
    entry_id: Id
    before: Id | None


class MemberKick(msgspec.Struct, frozen=True):
    user_id: Id


class MemberMute(msgspec.Struct, frozen=True):
    """`for_ms` 0 lifts the mute; 30 days at most."""

    user_id: Id
    for_ms: Annotated[int, Meta(ge=0, le=2_592_000_000)]


class MemberBan(msgspec.Struct, frozen=True):
    """`banned` false lifts the ban."""

    user_id: Id
    banned: bool = True


class MemberRole(msgspec.Struct, frozen=True):
    """The DJ makes somebody a moderator, or a listener again."""

    user_id: Id
    role: Literal["moderator", "listener"]


class Reaction(msgspec.Struct, frozen=True):
    emoji: Annotated[str, Meta(min_length=1, max_length=16)]


class TypingNow(msgspec.Struct, frozen=True):
    pass


class AccessToken(msgspec.Struct, frozen=True):
    access_token: str


COMMANDS: Final[dict[str, type[msgspec.Struct]]] = {
    "clock": Clock,
    "chat:send": ChatSend,
    "chat:edit": ChatEdit,
    "chat:delete": ChatDelete,
    "playback:play": PlaybackPlay,
    "playback:pause": PlaybackPause,
    "playback:seek": PlaybackSeek,
    "playback:skip": PlaybackSkip,
    "playback:report": PlaybackReport,
    "playback:get": PlaybackGet,
    "queue:add": QueueAdd,
    "queue:add_many": QueueAddMany,
    "queue:remove": QueueRemove,
    "queue:move": QueueMove,
    "member:kick": MemberKick,
    "member:mute": MemberMute,
    "member:ban": MemberBan,
    "member:role": MemberRole,
    "reaction": Reaction,
    "typing": TypingNow,
    "access_token": AccessToken,
}

REACTIONS: Final = ("❤️", "🔥", "👏", "😂", "🎉", "🤘")
"""What a listener may send; anything else is `invalid`, so that the aggregate stays small."""
