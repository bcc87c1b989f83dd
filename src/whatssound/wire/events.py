"""What a room tells its listeners: the events of `room:<id>` and the shapes inside them.

Ids are strings here, because JavaScript has no 64-bit integers. Times are Unix ms of the server's clock.
Logged events gain `seq`, `prev` and `key` where the hub writes them (see `wire.record`).
"""

from typing import Literal

import msgspec

RoomRole = Literal["dj", "moderator", "listener"]


class User(msgspec.Struct, frozen=True):
    """A person as a room shows them; `role` is their role in that room.

    Who has deleted their account is shown in old messages with an empty name.
    """

    id: str
    name: str
    role: RoomRole = "listener"


class Track(msgspec.Struct, frozen=True):
    """A track as a player needs it. `cover` and `hls` are paths on this server; `hls` is signed and expires."""

    id: str
    title: str
    artist: str | None = None
    album: str | None = None
    duration_ms: int = 0
    cover: str | None = None
    hls: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """One place in the queue: a track and who put it there."""

    id: str
    track: Track
    added_by: User


class Settings(msgspec.Struct, frozen=True):
    """What the DJ decides about a room."""

    listed: bool = False
    """Shown to everybody on the home page; otherwise only who has the link finds it."""
    when_dj_gone: Literal["auto_dj", "pause"] = "auto_dj"
    """After 15 s without the DJ's device: go on from the queue, or pause."""
    allow_saving: bool = False
    """Listeners may save what the room plays as a file."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A chat message as history and the join reply show it. A deleted one keeps its id and loses its text."""

    id: str
    user: User
    text: str
    at_ms: int
    nonce: str | None = None
    reply_to: str | None = None
    edit_rev: int = 0
    deleted: bool = False


class Chat(msgspec.Struct, frozen=True, omit_defaults=True):
    """Event `chat`: somebody said something."""

    id: str
    user: User
    text: str
    at_ms: int
    nonce: str | None = None
    reply_to: str | None = None


class ChatEdited(msgspec.Struct, frozen=True):
    """Event `chat_edited`: a text was replaced; the highest `edit_rev` wins."""

    id: str
    edit_rev: int
    text: str


class ChatDeleted(msgspec.Struct, frozen=True):
    """Event `chat_deleted`: a message was taken back, by its author or the DJ."""

    id: str
    edit_rev: int


class Playback(msgspec.Struct, frozen=True):
    """Event and part `playback`: what sounds, and where it is at which server time.

    Position at server time t is `position_ms + (t − anchor_ms) · rate` while playing and `t ≥ anchor_ms`,
    else `position_ms`. `device` is the DJ's device that leads, or null while the auto-DJ does.
    """

    rev: int
    entry_id: str | None
    track: Track | None
    position_ms: float
    anchor_ms: float
    rate: float
    playing: bool
    device: str | None


class Queue(msgspec.Struct, frozen=True):
    """Event and part `queue`: what comes next, at most 200 entries."""

    rev: int
    entries: list[Entry]


class RoomState(msgspec.Struct, frozen=True):
    """Event and part `room`: the room itself."""

    rev: int
    id: str
    slug: str
    title: str
    state: Literal["open", "ended"]
    settings: Settings
    dj: User


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """Event `member`: how one person stands in the room (role, mute, ban)."""

    rev: int
    user: User
    role: RoomRole
    banned: bool = False
    muted_until_ms: int | None = None


class Listeners(msgspec.Struct, frozen=True):
    """Event `listeners`, unlogged: how many people hear this."""

    count: int


class Typing(msgspec.Struct, frozen=True):
    """Event `typing`, unlogged."""

    user: User
