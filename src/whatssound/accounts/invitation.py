"""An invitation: a link with which somebody becomes one of the invited. Pure."""

from dataclasses import dataclass

from whatssound.ids import UserId
from whatssound.wire.errors import Refusal

MAX_OPEN = 100
"""Invitations that may be open at once; a list that somebody still reads."""

DAY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as it is kept: its code only by its hash, so that a stolen copy of the database invites nobody."""

    id: int
    code_hash: bytes
    invited_by: UserId
    created_ms: int
    expires_ms: int
    uses_left: int

    def is_open(self, now_ms: float) -> bool:
        """Whether it still lets somebody in."""
        return self.uses_left > 0 and now_ms < self.expires_ms


def not_open() -> Refusal:
    """The one answer to a code that was used up, has expired, was taken back, or never was one."""
    return Refusal("not_found", "This invitation is not open any more. Ask whoever sent it for a new one.")
