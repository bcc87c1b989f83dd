"""Every setting, in one tree: command line over environment over default."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit


class StartError(Exception):
    """The server cannot start; the message says why and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one person, one socket or one room may use."""

    frame_bytes: int = 64 * 1024
    """Largest frame a client may send; a chat line of 2,000 characters takes at most 8 KB."""
    handshake_bytes: int = 32 * 1024
    """Largest upgrade request: tokens in the query may be long, and nginx passes 32 KB."""
    socket_events_per_second: int = 20
    """Frames one socket may send, sustained; above it commands are answered `rate_limited`."""
    socket_events_burst: int = 60
    """Frames one socket may send at once."""
    socket_channels: int = 100
    """Channels one socket may join (Supabase's default)."""
    idle_timeout_s: float = 90.0
    """A socket that says nothing for this long is closed; hidden tabs beat once a minute."""
    outbox_bytes: int = 256 * 1024
    """What may wait for a slow reader before its socket is closed with the advice to resume."""
    outbox_s: float = 5.0
    """How long the oldest waiting byte may wait."""
    chat_user_per_10s: int = 10
    """Messages one person may send to one room in 10 s."""
    chat_room_per_s: int = 100
    """Messages one room takes in a second."""
    upload_bytes: int = 1024 * 1024 * 1024
    """Largest uploaded file."""
    guests_per_minute: int = 60
    """New guests from one address in a minute."""


@dataclass(frozen=True, slots=True)
class EncoderLimits:
    """What one encoding child process may use."""

    memory_bytes: int = 2 * 1024**3
    """Address space; a decoder that asks for more fails that track alone."""
    cpu_s: int = 1_800
    """CPU time: a 3-hour mix takes about 20 minutes."""
    file_bytes: int = 4 * 1024**3
    """Largest file it may write."""
    nice: int = 10
    """Added to its priority value, so that sockets come first."""


Who = Literal["owner", "invited", "registered", "anyone"]
"""From whom on something is allowed; each includes those before it."""


@dataclass(frozen=True, slots=True)
class People:
    """Who may do what on this server."""

    may_upload: Who = "invited"
    """Who may upload music."""
    may_open_rooms: Who = "invited"
    """Who may open rooms and browse the library for them."""
    may_register: Literal["anyone", "invited", "nobody"] = "invited"
    """Who may make an account with a password: anyone, those with an invitation, or nobody."""
    quota_bytes: int = 10 * 1024**3
    """What the uploads of one person may take; the owner has no limit."""


@dataclass(frozen=True, slots=True)
class Config:
    """All of it."""

    host: str = "127.0.0.1"
    """Address to listen on; `--lan` makes it 0.0.0.0."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    data: Path = Path("data")
    """The data folder: secret, databases, uploads, encoded audio."""
    libraries: tuple[Path, ...] = ()
    """Folders of music to offer; never written to."""
    cache_bytes: int = 20 * 1000**3
    """What encoded audio may take; the least recently played goes first, nothing in a queue ever goes."""
    demo: bool = False
    """Open a room that plays three pieces of our own."""
    public_url: str | None = None
    """Where people reach this server from outside, sub-path included: `https://example.org/music`."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose `X-Forwarded-For` is believed."""
    jwt_secret: str | None = None
    """HS256 key for tokens; derived from the data folder's secret when not set."""
    limits: Limits = field(default_factory=Limits)
    encoder: EncoderLimits = field(default_factory=EncoderLimits)
    people: People = field(default_factory=People)

    @property
    def public_path(self) -> str:
        """The path of `public_url` without a slash at its end: "" at the root, else "/music"."""
        return "" if self.public_url is None else urlsplit(self.public_url).path.rstrip("/")


def limits_from(environment: Mapping[str, str]) -> Limits:
    """The limits, each of which an environment variable may replace: `WHATSSOUND_CHAT_ROOM_PER_S=200`.

    Raises StartError, naming the variable, for what is not a positive number.
    """
    limits = Limits()
    for setting in fields(Limits):
        name = f"WHATSSOUND_{setting.name.upper()}"
        if (text := environment.get(name)) is None:
            continue
        try:
            value = float(text) if isinstance(setting.default, float) else int(text)
        except ValueError:
            value = 0
        if not 0 < value < 2**53:
            raise StartError(f"{name} must be a positive number, not {text!r}.")
        limits = replace(limits, **{setting.name: value})
    return limits
