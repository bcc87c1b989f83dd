"""What each role may do on this server. Pure. (What somebody may do *in a room* is the room's to say.)"""

from typing import Final, Literal, get_args

from whatssound.accounts.user import Role
from whatssound.config import People, Who
from whatssound.wire.errors import Refusal

Action = Literal[
    "read", "listen", "chat", "rename", "upload", "browse_library", "encode", "open_room", "invite", "scan"
]

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

_TOGETHER: Final[dict[Role, frozenset[Who]]] = {
    "anon": frozenset(),
    "guest": frozenset[Who](("anyone",)),
    "user": frozenset[Who](("anyone", "registered")),
    "invited": frozenset[Who](("anyone", "registered", "invited")),
    "owner": frozenset[Who](("anyone", "registered", "invited", "owner")),
    "service": frozenset[Who](("anyone", "registered", "invited", "owner")),
}
"""As whom each role counts where a setting says who may do something."""

_DOING: Final[dict[Action, str]] = {
    "read": "read this",
    "listen": "listen",
    "chat": "chat",
    "rename": "choose a name",
    "upload": "upload music",
    "browse_library": "browse the library",
    "encode": "encode tracks",
    "open_room": "open a room",
    "invite": "invite people",
    "scan": "scan the library's folders",
}

_NARROW_TO_WIDE: Final[tuple[Who, ...]] = get_args(Who)

_ADVICE: Final[dict[Who, str]] = {
    "owner": "Only this server's owner may {}; sign in with the owner link.",
    "invited": "You need an invitation to {}; ask this server's owner for one.",
    "registered": "Make an account to {}.",
    "anyone": "Sign in with a name to {}.",
}


def may(role: Role, action: Action, people: People) -> bool:
    """Whether `role` may do `action` on a server with these settings."""
    return action in ("read", "listen") or not _TOGETHER[role].isdisjoint(_allowed(action, people))


def may_all(role: Role, people: People) -> tuple[Action, ...]:
    """Everything that `role` may do on a server with these settings."""
    return tuple(action for action in ACTIONS if may(role, action, people))


def require(role: Role, action: Action, people: People) -> None:
    """Raises Refusal `forbidden`, with advice, when `role` may not do `action`."""
    if not may(role, action, people):
        nearest = max(_allowed(action, people), key=_NARROW_TO_WIDE.index)
        raise Refusal("forbidden", _ADVICE[nearest].format(_DOING[action]))


def _allowed(action: Action, people: People) -> tuple[Who, ...]:
    """Any of these may. The library is browsed, and a track of it tried, for a room or to see one's own uploads."""
    match action:
        case "upload":
            return (people.may_upload,)
        case "open_room":
            return (people.may_open_rooms,)
        case "browse_library" | "encode":
            return (people.may_upload, people.may_open_rooms)
        case "invite" | "scan":
            return ("owner",)
        case "read" | "listen" | "chat" | "rename":
            return ("anyone",)
