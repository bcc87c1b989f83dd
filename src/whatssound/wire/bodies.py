"""Request and response bodies of the HTTP API; OpenAPI is generated from them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from whatssound.wire import events

UserName = Annotated[str, Meta(min_length=1, max_length=32)]
RoomTitle = Annotated[str, Meta(min_length=1, max_length=80)]
Password = Annotated[str, Meta(max_length=1_024)]
InvitationCode = Annotated[str, Meta(min_length=1, max_length=64)]
TrackStatus = Literal["available", "queued", "encoding", "ready", "failed"]


class GuestRequest(msgspec.Struct, frozen=True):
    name: UserName


class OwnerRequest(msgspec.Struct, frozen=True):
    """`code` is the one-time part of the owner link that the server printed."""

    code: str


class RegisterRequest(msgspec.Struct, frozen=True):
    """`invitation` is the code of an invitation's link; most servers ask for one."""

    name: UserName
    password: Password
    invitation: InvitationCode | None = None


class LoginRequest(msgspec.Struct, frozen=True):
    name: UserName
    password: Password


class PasswordRequest(msgspec.Struct, frozen=True):
    """`old` is needed by whoever has a password already."""

    new: Password
    old: Password | None = None


class DepartureRequest(msgspec.Struct, frozen=True):
    """`password` is needed by whoever has one."""

    password: Password | None = None


class RefreshRequest(msgspec.Struct, frozen=True):
    refresh_token: str


class Account(msgspec.Struct, frozen=True):
    """A person, their role on this server, and what it lets them do: `upload`, `open_room`, `invite`, …"""

    id: str
    name: str
    role: Literal["guest", "user", "invited", "owner", "service"]
    may: list[str]


class Storage(msgspec.Struct, frozen=True):
    """What somebody's uploads take, and may take; null is no limit."""

    used_bytes: int
    quota_bytes: int | None


class Me(Account, frozen=True):
    """Who asks, with what only they need to know."""

    has_password: bool
    storage: Storage


class InvitationRequest(msgspec.Struct, frozen=True):
    """How many people may come by this link, and for how many days."""

    uses: Annotated[int, Meta(ge=1, le=100)] = 1
    days: Annotated[int, Meta(ge=1, le=365)] = 7


class InvitationBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """An open invitation. `code` and `path` are shown once, when it is made: append `path` to the server's address."""

    id: str
    expires_ms: int
    uses_left: int
    code: str | None = None
    path: str | None = None


class InvitationList(msgspec.Struct, frozen=True):
    invitations: list[InvitationBody]


class InvitationCheck(msgspec.Struct, frozen=True):
    """Who invites, and until when."""

    invited_by: str
    expires_ms: int


class InvitationAcceptance(msgspec.Struct, frozen=True):
    code: InvitationCode


class Tokens(msgspec.Struct, frozen=True):
    """`access_token` lives `expires_in_s`; `refresh_token` 30 days, and is replaced at every use."""

    access_token: str
    refresh_token: str
    expires_in_s: int
    user: Account


class TrackBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A track in the library. `peaks` (0-255, about 100 a second) come with the single track only.

    `offline`: its file cannot be reached now; what is encoded of it plays all the same. `mine`: the viewer uploaded it.
    `played_ms`: when it was last played in the room that was asked for.
    """

    id: str
    status: TrackStatus
    title: str
    progress: float = 0.0
    reason: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_ms: int = 0
    loudness_lufs: float | None = None
    peaks: list[int] | None = None
    hls: str | None = None
    cover: str | None = None
    source: Literal["upload", "library", "demo"] = "library"
    offline: bool = False
    mine: bool = False
    album_artist: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    played_ms: int | None = None


class TrackAccepted(msgspec.Struct, frozen=True):
    id: str
    status: TrackStatus


class TrackPage(msgspec.Struct, frozen=True, omit_defaults=True):
    tracks: list[TrackBody]
    total: int
    next: str | None = None


class AlbumBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """An album; `key` asks for its tracks. `artist` is missing when they are by several and none names one."""

    key: str
    title: str
    artist: str | None = None
    year: int | None = None
    tracks: int = 0
    duration_ms: int = 0
    cover: str | None = None


class AlbumPage(msgspec.Struct, frozen=True, omit_defaults=True):
    albums: list[AlbumBody]
    total: int
    next: str | None = None


class ArtistBody(msgspec.Struct, frozen=True):
    name: str
    albums: int
    tracks: int


class ArtistPage(msgspec.Struct, frozen=True, omit_defaults=True):
    artists: list[ArtistBody]
    total: int
    next: str | None = None


class ScanBody(msgspec.Struct, frozen=True):
    """The latest scan of one folder. `skipped` names what could not be read and why (100 at most)."""

    folder: str
    state: Literal["waiting", "scanning", "done", "failed"]
    seen: int
    added: int
    changed: int
    moved: int
    offline: int
    unreadable: int
    skipped: list[str]
    reason: str | None
    finished_ms: int | None


class RunningEncode(msgspec.Struct, frozen=True):
    track_id: str
    title: str
    progress: float


class FailedEncode(msgspec.Struct, frozen=True):
    track_id: str
    title: str
    reason: str


class EncodesBody(msgspec.Struct, frozen=True):
    """What the encoder does; the newest 100 failures. `held` says why nothing more is begun, when that is so."""

    waiting: int
    running: list[RunningEncode]
    failed: list[FailedEncode]
    held: str | None


class CacheBody(msgspec.Struct, frozen=True):
    """What encoded audio takes; encodes that run count with what they may come to take."""

    bytes: int
    limit_bytes: int


class LibraryBody(msgspec.Struct, frozen=True):
    """The state of the library in one place. `offline` tracks stand in `tracks` as well."""

    tracks: int
    offline: int
    scans: list[ScanBody]
    encodes: EncodesBody
    cache: CacheBody


class RoomRequest(msgspec.Struct, frozen=True):
    title: RoomTitle
    settings: events.Settings = events.Settings()


class RoomPatch(msgspec.Struct, frozen=True):
    """What is left out stays. `state: "ended"` ends the room for good."""

    title: RoomTitle | None = None
    settings: events.Settings | None = None
    state: Literal["ended"] | None = None


class RoomBody(msgspec.Struct, frozen=True):
    """A room as the API shows it: its parts as the socket's join reply has them."""

    room: events.RoomState
    playback: events.Playback
    queue: events.Queue
    listeners: int


class RoomList(msgspec.Struct, frozen=True):
    rooms: list[RoomBody]


class ListenerPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who hears a room, each person once, in the order of their ids; `next` is the `after` of the page that follows."""

    count: int
    """Sockets in the room, as in `listeners`: one person may have several, and some tokens only read."""
    people: list[events.User]
    next: str | None = None


class MemberList(msgspec.Struct, frozen=True):
    """Those who are not plain listeners: moderators, and who is muted or banned."""

    members: list[events.Member]


class QueueRequest(msgspec.Struct, frozen=True):
    """A queue to be kept: its name and up to 500 tracks, in order."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    track_ids: Annotated[list[Annotated[str, Meta(pattern=r"^[0-9]{1,19}$")]], Meta(max_length=500)]


class QueueBody(msgspec.Struct, frozen=True):
    """A saved queue. A track that was removed is `failed` and keeps its title."""

    id: str
    name: str
    tracks: list[TrackBody]
    updated_ms: int


class QueueSummaryBody(msgspec.Struct, frozen=True):
    """A saved queue without its tracks; `missing` of its `count` cannot be played now."""

    id: str
    name: str
    count: int
    missing: int
    duration_ms: int
    updated_ms: int


class QueueList(msgspec.Struct, frozen=True):
    queues: list[QueueSummaryBody]


class PlayBody(msgspec.Struct, frozen=True):
    """One play of a track in a room, the track as it was then. `ended_ms` is null while it sounds."""

    id: str
    track: events.Track
    started_ms: int
    ended_ms: int | None
    added_by: events.User


class PlayPage(msgspec.Struct, frozen=True):
    """Newest first; `next` is the `before` of the page that follows."""

    plays: list[PlayBody]
    next: str | None


class MessagePage(msgspec.Struct, frozen=True):
    messages: list[events.Message]
    has_more: bool


class NameRequest(msgspec.Struct, frozen=True):
    name: UserName


class CallerBody(msgspec.Struct, frozen=True):
    """Who asks, as limits and bans see it. `forwarded`: what became of the proxy's `X-Forwarded-For`."""

    address: str
    forwarded: Literal["none", "believed", "ignored"]


class ServerBody(msgspec.Struct, frozen=True):
    """What anybody may know of this server. Every link to it begins with `links_base`; `reach` is who can open one."""

    version: str
    links_base: str
    reach: Literal["this_computer", "network", "public"]
    may_register: Literal["anyone", "invited", "nobody"]
    may_upload: Literal["owner", "invited", "registered", "anyone"]
    may_open_rooms: Literal["owner", "invited", "registered", "anyone"]
    you: CallerBody


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every error: `code` for programs, `message` for people; `retry_after_ms` says when to ask the same again."""

    code: str
    message: str
    retry_after_ms: int | None = None
    details: dict[str, Any] | None = None
