"""What the HTTP routes use, and how a route asks for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from litestar.params import Dependency
from prometheus_client import CollectorRegistry

from whatssound.accounts.service import Accounts
from whatssound.accounts.user import Identity, User
from whatssound.audio.edge import Edge
from whatssound.audio.library import Library
from whatssound.config import Limits
from whatssound.http.guest_rate import GuestRate
from whatssound.http.page_files import Page
from whatssound.ids import RoomId
from whatssound.messages.service import MessageService
from whatssound.rooms.service import RoomService

BUILT_PAGE: Final = Path(__file__).parent / "page"
"""Where the build puts the page, in the checkout and in the wheel."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the routes. `upload_folder` takes uploads while they arrive, on the data folder's disk."""

    accounts: Accounts
    rooms: RoomService
    messages: MessageService
    library: Library
    edge: Edge
    listeners: Callable[[RoomId], int]
    """How many hear a room."""
    not_ready: Callable[[], Awaitable[Sequence[str]]]
    """Reasons why this process should get no traffic yet; none when it may."""
    registry: CollectorRegistry
    upload_folder: Path
    now_ms: Callable[[], float]
    limits: Limits = field(default_factory=Limits)
    page: Path = BUILT_PAGE


_given: Final = Dependency(skip_validation=True)

AccountsGiven = Annotated[Accounts, _given]
RoomsGiven = Annotated[RoomService, _given]
MessagesGiven = Annotated[MessageService, _given]
LibraryGiven = Annotated[Library, _given]
EdgeGiven = Annotated[Edge, _given]
GuestRateGiven = Annotated[GuestRate, _given]
PageGiven = Annotated[Page, _given]
Given = Annotated[Services, _given]

SignedIn = Annotated[Identity, _given]
"""A route that takes `identity: SignedIn` needs a valid token."""
Visitor = Annotated[Identity | None, _given]
"""A route that takes `visitor: Visitor` also answers without a token."""
Person = Annotated[User, _given]
"""A route that takes `user: Person` needs a token with somebody behind it."""
