"""What each role may do on this server. Pure. (What somebody may do *in a room* is the room's to say.)"""

from typing import Final, Literal

from whatssound.accounts.user import Role
from whatssound.wire.errors import Refusal

Action = Literal["read", "listen", "chat", "rename", "upload", "browse_library", "encode", "open_room"]

_READS: Final = frozenset[Action](("read", "listen"))
_TAKES_PART: Final = _READS | frozenset[Action](("chat", "rename"))
_RUNS_IT: Final = _TAKES_PART | frozenset[Action](("upload", "browse_library", "encode", "open_room"))

_MAY: Final[dict[Role, frozenset[Action]]] = {
    "anon": _READS,
    "guest": _TAKES_PART,
    "user": _TAKES_PART,
    "invited": _RUNS_IT,
    "owner": _RUNS_IT,
    "service": _RUNS_IT,
}

_DOING: Final[dict[Action, str]] = {
    "read": "read this",
    "listen": "listen",
    "chat": "chat",
    "rename": "choose a name",
    "upload": "upload music",
    "browse_library": "browse the library",
    "encode": "encode tracks",
    "open_room": "open a room",
}


def may(role: Role, action: Action) -> bool:
    """Whether `role` may do `action` on this server."""
    return action in _MAY[role]


def require(role: Role, action: Action) -> None:
    """Raises Refusal `forbidden`, with advice, when `role` may not do `action`."""
    if may(role, action):
        return
    if may("guest", action):
        raise Refusal("forbidden", f"Sign in with a name to {_DOING[action]}.")
    raise Refusal("forbidden", f"Only this server's owner may {_DOING[action]}; sign in with the owner link.")
