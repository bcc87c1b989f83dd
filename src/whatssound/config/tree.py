"""The tree of settings. The docstring under each is what `--help` and the reference say about it."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit


class StartError(Exception):
    """The server cannot start; the message says why and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one person, one socket or one room may use."""

    frame_bytes: int = 64 * 1024
    """Largest frame a client may send to a room, and any at all at `/socket/websocket`; a chat line of 2,000 characters
    takes at most 8 KB."""
    handshake_bytes: int = 32 * 1024
    """Largest upgrade request: tokens in the query may be long, and nginx passes 32 KB."""
    socket_events_per_second: int = 20
    """Frames one socket may send, sustained; above it commands are answered `rate_limited`."""
    socket_events_burst: int = 60
    """Frames one socket may send at once."""
    realtime_frame_bytes: int = 5_000_000
    """Largest frame at `/realtime/v1/websocket` on realtime topics (Supabase's); elsewhere `frame_bytes` counts."""
    realtime_payload_bytes: int = 3_000_500
    """Largest payload of a broadcast, over the socket and over HTTP (Supabase's)."""
    realtime_socket_events_per_second: int = 100
    """Frames one socket may send on realtime topics, sustained, one of megabytes counting as one for each 64 KB; also
    broadcasts that one person may send over HTTP."""
    realtime_socket_events_burst: int = 500
    """Frames one socket may send on realtime topics at once; also broadcasts in one HTTP request."""
    realtime_events_per_second: int = 0
    """Broadcasts sent and deliveries of them in one process, averaged over a minute; 0 is no limit (Supabase: 100)."""
    realtime_joins_per_second: int = 0
    """Joins of realtime topics in one process, averaged over a minute; 0 is no limit (Supabase: 100)."""
    realtime_bytes_per_second: int = 0
    """Payload that one process takes from clients, averaged over a minute; 0 is no limit (Supabase: 100,000)."""
    realtime_users: int = 0
    """Sockets with realtime topics in one process; 0 is no limit (Supabase: 200)."""
    realtime_close_when_over: bool = False
    """Over `realtime_events_per_second`, also end every channel that would hear something, as Supabase does; without it
    only who sends is refused."""
    socket_channels: int = 100
    """Channels one socket may join (Supabase's default)."""
    presence_bytes: int = 4 * 1024
    """What one channel may say of itself in `track`, its key included; more closes the channel. A thousand of them, all
    that clients are shown of a topic, fit into one frame."""
    presence_calls_per_30s: int = 50
    """Times one channel may call `track` and `untrack` in 30 s; more closes it (Supabase allows 5)."""
    presence_grace_s: float = 0.0
    """How long somebody whose connection broke stays present, so that nobody sees them leave who is back by then."""
    idle_timeout_s: float = 90.0
    """A socket that says nothing for this long is closed; hidden tabs beat once a minute."""
    upgrades_per_second: int = 1_000
    """Sockets one process lets in, sustained: 10,000 who come back at once are in within 10 s, in half of its time."""
    upgrades_burst: int = 2_000
    """Sockets one process lets in at once; whoever comes too early is told when to try again."""
    sockets_per_address: int = 2_000
    """Sockets from one address (of IPv6: one network) in one process: a party of hundreds behind one router, with
    several pages each. This computer itself is not limited."""
    sockets_per_user: int = 50
    """Sockets of one person in one process: every page and app open anywhere. This computer itself is not limited."""
    outbox_bytes: int = 256 * 1024
    """What may wait for a slow reader before its socket is closed with the advice to resume."""
    outbox_s: float = 5.0
    """How long the oldest waiting byte may wait."""
    chat_user_per_10s: int = 10
    """Messages one person may send to one room in 10 s."""
    chat_room_per_s: int = 100
    """Messages one room takes in a second."""
    kept_hours: float = 72.0
    """How long broadcasts are kept that were sent with `persist` (Supabase's figure); a `ttl` may only shorten it."""
    kept_per_topic: int = 10_000
    """Kept broadcasts of one topic; the oldest make way. A join has at most 25 of them replayed."""
    kept_payload_bytes: int = 256 * 1024
    """Largest broadcast that is kept."""
    kept_bytes: int = 1024 * 1024 * 1024
    """What kept broadcasts of all topics may take; those that would expire first make way."""
    upload_bytes: int = 1024 * 1024 * 1024
    """Largest uploaded file."""
    guests_per_minute: int = 60
    """New guests from one address in a minute."""
    logins_per_minute: int = 10
    """Passwords tried from one address in a minute; with one name, from all addresses together, three times as many."""


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
    """Added to its priority value, 0 to 19, so that sockets come first."""


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
    quota_bytes: int = 10 * 1000**3
    """What the uploads of one person may take; the owner has no limit."""


def default_data() -> Path:
    """Where data lives when nobody says otherwise: the place that XDG names for it."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "whatssound"


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


@dataclass(frozen=True, slots=True)
class Config:
    """All of it."""

    file: Path | None = None
    """The file with settings; without it `whatssound.toml` in the data folder or, failing that, where you start it."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    lan: bool = False
    """Listen on all addresses, for your own network."""
    data: Path = field(default_factory=default_data)
    """The data folder: secret, databases, uploads, encoded audio."""
    libraries: tuple[Path, ...] = ()
    """A folder of music to offer; may be given several times. Only read."""
    rescan_hours: float = 6.0
    """The folders of music are looked through again after so many hours, and at every start."""
    cache_bytes: int = 20 * 1000**3
    """What encoded audio may take; the least recently played goes first, nothing in a queue ever goes."""
    workers: int | Literal["auto"] = 1
    """Processes that hold sockets: with more than one, listeners are spread over as many CPUs; `auto` is one a CPU."""
    nats: tuple[str, ...] = ()
    """Address of a NATS server of your own, `nats://user:password@host:4222`; may be given several times. Without it
    several workers start a private one. Not for a command line if it has a password."""
    hang_s: float = 10.0
    """With several workers: one that has not answered for so long is killed and started again, and its listeners come
    back to the others. No time counts in which the whole computer slept or stood still."""
    demo: bool = False
    """Open a room that plays three pieces of our own."""
    public_url: str | None = None
    """Where people reach it from outside, sub-path included: `https://example.org/music`. Every link begins there."""
    trusted_proxies: tuple[str, ...] = ()
    """Address or network of a proxy whose `X-Forwarded-For` is believed; may be given several times."""
    jwt_secret: str | None = None
    """HMAC key for tokens, 32 bytes or more; derived from the data folder's secret when not set. Changing it signs
    everybody out. Not for a command line, which other users of the computer can read."""
    jwks: str | None = None
    """Public keys of those whose tokens are taken on realtime topics: the path of a file or the address of a JSON Web
    Key Set, such as `https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json`. Who has such a token is a stranger to
    this server's own accounts."""
    publishable_keys: tuple[str, ...] = ()
    """An API key for pages of others, `sb_publishable_…` or any 20 characters or more; may be given several times. Who
    shows it only reads. Without it there is one of the data folder's own: `whatssound key` prints it."""
    realtime_policy: str | None = None
    """Who may do what on private realtime topics: `package.module:callable`, called with (claims, topic, extension,
    operation). Without it everybody with a token of their own may do everything, and `user:<sub>` belongs to one."""
    private_only: bool = False
    """Take joins of private realtime topics only."""
    drain_s: float = 2.0
    """Over how long a stop sends listeners away, a few at a time. Behind a load balancer 10 to 30; the orchestrator's
    grace period has to be 20 s longer."""
    log: LogLevel = "INFO"
    """What is written to standard error: `DEBUG`, `INFO`, `WARNING` or `ERROR` and worse."""
    limits: Limits = field(default_factory=Limits)
    encoder: EncoderLimits = field(default_factory=EncoderLimits)
    people: People = field(default_factory=People)

    @property
    def listen(self) -> str:
        """The address to listen on."""
        return "0.0.0.0" if self.lan else self.host

    @property
    def public_path(self) -> str:
        """The path of `public_url` without a slash at its end: "" at the root, else "/music"."""
        return "" if self.public_url is None else urlsplit(self.public_url).path.rstrip("/")
