"""What the HTTP routes use, and how a route asks for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from whatssound.accounts.departures import Departures
from whatssound.accounts.invitations import Invitations
from whatssound.accounts.members import Members
from whatssound.accounts.service import Accounts
from whatssound.accounts.user import Identity, User
from whatssound.addresses import Proxies
from whatssound.audio.edge import Edge
from whatssound.audio.library import Library
from whatssound.audio.rescans import Rescans
from whatssound.bus.bus import Bus
from whatssound.config import Limits, People
from whatssound.http.page_files import Page
from whatssound.http.quotas import Quotas
from whatssound.http.rates import SignInRates
from whatssound.ids import RoomId, UserId
from whatssound.links import Links
from whatssound.messages.service import MessageService
from whatssound.realtime.access import Access
from whatssound.realtime.kept import KeptBroadcasts
from whatssound.realtime.load import Load
from whatssound.rooms.saved_queues import SavedQueues
from whatssound.rooms.service import RoomService
from whatssound.wire import events

BUILT_PAGE: Final = Path(__file__).parent / "page"
"""Where the build puts the page, in the checkout and in the wheel."""


UNCOMPRESSED: Final = "uncompressed"
"""A router's `opt` of this name: no gzip. For audio, which is dense, and where tokens stand beside a name that somebody
chose: there the compressed size would tell about the token."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the routes. `upload_folder` takes uploads while they arrive, on the data folder's disk."""

    accounts: Accounts
    members: Members
    invitations: Invitations
    departures: Departures
    rooms: RoomService
    saved_queues: SavedQueues
    messages: MessageService
    library: Library
    rescans: Rescans
    edge: Edge
    listeners: Callable[[RoomId], int]
    """How many hear a room."""
    present: Callable[[RoomId, UserId, int], Awaitable[Sequence[events.User]]]
    """The first so many people in a room with a greater id than one, in the order of ids."""
    not_ready: Callable[[], Awaitable[Sequence[str]]]
    """Reasons why this process should get no traffic yet; none when it may."""
    metrics: Callable[[], Awaitable[bytes]]
    """The page of figures for Prometheus, of every process of this server."""
    access: Access
    """Who may do what on realtime topics."""
    bus: Bus
    kept: KeptBroadcasts
    load: Load
    """What goes on on the realtime topics of this process."""
    upload_folder: Path
    now_ms: Callable[[], float]
    missing: Callable[[], Sequence[str]] = tuple
    """Processes that should be here and are being started again; requests are answered all the same."""
    limits: Limits = field(default_factory=Limits)
    people: People = field(default_factory=People)
    links: Callable[[], Links] = lambda: Links("http://127.0.0.1:8000", "this_computer")
    """Where links to this server begin; asked each time, because a laptop changes its network."""
    public_path: str = ""
    """Before every path that is given to somebody: "/music" where a proxy serves it there, else nothing."""
    proxies: Proxies = field(default_factory=Proxies)
    page: Path = BUILT_PAGE


AccountsGiven = SkipValidation[NamedDependency[Accounts]]
MembersGiven = SkipValidation[NamedDependency[Members]]
InvitationsGiven = SkipValidation[NamedDependency[Invitations]]
DeparturesGiven = SkipValidation[NamedDependency[Departures]]
RoomsGiven = SkipValidation[NamedDependency[RoomService]]
MessagesGiven = SkipValidation[NamedDependency[MessageService]]
LibraryGiven = SkipValidation[NamedDependency[Library]]
EdgeGiven = SkipValidation[NamedDependency[Edge]]
RatesGiven = SkipValidation[NamedDependency[SignInRates]]
QuotasGiven = SkipValidation[NamedDependency[Quotas]]
PeopleGiven = SkipValidation[NamedDependency[People]]
PageGiven = SkipValidation[NamedDependency[Page]]
Given = SkipValidation[NamedDependency[Services]]

ClientAddress = SkipValidation[NamedDependency[str]]
"""A route that takes `address: ClientAddress` gets the address of who asks, also from behind a trusted proxy."""
SignedIn = SkipValidation[NamedDependency[Identity]]
"""A route that takes `identity: SignedIn` needs a valid token."""
Visitor = SkipValidation[NamedDependency[Identity | None]]
"""A route that takes `visitor: Visitor` also answers without a token."""
Person = SkipValidation[NamedDependency[User]]
"""A route that takes `user: Person` needs a token with somebody behind it."""
Home = SkipValidation[NamedDependency[str]]
"""A route that takes `home: Home` learns where the request comes from: an IPv4 address or an IPv6 network, or ""."""
