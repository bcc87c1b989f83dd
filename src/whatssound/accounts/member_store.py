"""MemberStore: where passwords, invitations and departures are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from whatssound.accounts.invitation import Invitation
from whatssound.accounts.user import User
from whatssound.ids import UserId


@dataclass(frozen=True, slots=True)
class Registration:
    """Somebody who wants an account. `user.id` is new, or that of the guest who becomes it; `key` is the name's.

    `invitation` is the hash of the code that they came with: one of its uses is spent.
    """

    user: User
    key: str
    password_hash: str
    invitation: bytes | None = None


class MemberStore(Protocol):
    """Durable accounts with a password, over the same people as AccountStore, with the same promises.

    Each method is one transaction: all of it or nothing.
    """

    async def register(
        self, wanted: Registration, *, was_guest: bool, now_ms: int
    ) -> Literal["done", "name_taken", "not_open", "gone"]:
        """Store an account, or make it of a guest.

        Nothing is stored unless "done": "name_taken" when somebody else has the name's key, "not_open" when the
        invitation lets nobody in any more, "gone" when there is no such guest (any more).
        """
        ...

    async def password_of(self, id: UserId) -> str | None:
        """The hash of somebody's password, or None when they have none."""
        ...

    async def set_password(self, id: UserId, hash: str, *, now_ms: int) -> bool:
        """Give somebody another password and end every sign-in of theirs. False when there is nobody of this id."""
        ...

    async def replace_hash(self, id: UserId, old: str, new: str) -> None:
        """The same password hashed anew; nothing happens when `old` is not its hash any more."""
        ...

    async def recalled_since(self, since_ms: int) -> dict[UserId, int]:
        """Who has changed their password or has gone since then, and when."""
        ...

    async def invite(self, invitation: Invitation, *, max_open: int) -> bool:
        """Store an invitation; those that are not open any more are forgotten. False when `max_open` are open."""
        ...

    async def invitation(self, code_hash: bytes) -> Invitation | None:
        """The invitation with this code, or None."""
        ...

    async def invitations(self, *, now_ms: int) -> Sequence[Invitation]:
        """Those that are open, newest first."""
        ...

    async def take_back(self, id: int) -> bool:
        """Delete an invitation. False when there was none of this id."""
        ...

    async def accept(self, id: UserId, code_hash: bytes, *, now_ms: int) -> bool:
        """Make a registered person (role "user") invited and spend one use; both or neither.

        Of two who come at once for the last use, one gets True.
        """
        ...

    async def depart(self, id: UserId, *, now_ms: int) -> bool:
        """Delete a person with password, sign-ins and invitations, and note that more has to go. False for nobody.

        Their name is free at once.
        """
        ...

    async def departing(self) -> Sequence[UserId]:
        """Those who have gone and of whom something may still be left."""
        ...

    async def departed(self, id: UserId) -> None:
        """Nothing is left of this person."""
        ...
