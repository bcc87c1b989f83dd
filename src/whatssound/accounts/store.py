"""AccountStore: where people, their refresh tokens and the owner's code are kept."""

from collections.abc import Sequence
from typing import Protocol

from whatssound.accounts.tokens import RefreshToken
from whatssound.accounts.user import Role, User
from whatssound.ids import UserId


class AccountStore(Protocol):
    """Durable accounts. A returned write survives a kill of any process; reads see every write before them.

    Names are unique by their key. A key is `accounts.user.name_key` of the name.
    """

    async def add(self, user: User, key: str, *, now_ms: int) -> bool:
        """Store a new person, seen now. False, and nothing is stored, when somebody has the name's key."""
        ...

    async def get(self, id: UserId) -> User | None:
        """The person with this id, or None."""
        ...

    async def by_key(self, key: str) -> User | None:
        """The person with this name key, or None."""
        ...

    async def first_with(self, role: Role) -> User | None:
        """The person with the smallest id in this role, or None."""
        ...

    async def taken(self, keys: Sequence[str]) -> dict[str, UserId]:
        """Those of `keys` that somebody has, and who. At most 100 keys."""
        ...

    async def rename(self, id: UserId, name: str, key: str, *, now_ms: int) -> bool:
        """Give a person another name. False, and nothing changes, when somebody else has the key or nobody the id."""
        ...

    async def changed_since(self, since_ms: int) -> Sequence[User]:
        """Whose name or role changed at `since_ms` or later, as they are now, oldest change first.

        Guests who registered are among them.
        """
        ...

    async def seen(self, ids: Sequence[UserId], *, now_ms: int, stale_ms: int) -> set[UserId]:
        """Note that these people were here, 500 at most; answers those who have an account.

        Writes only those whose last note is older than `stale_ms`. Raises OSError.
        """
        ...

    async def forget(self, *, guests_unseen_since_ms: int, now_ms: int) -> Sequence[UserId]:
        """Delete guests not seen since then, and expired refresh tokens.

        Answers those of the guests who leave uploads or open rooms: in the same transaction their departure has begun,
        as MemberStore keeps it.
        """
        ...

    async def add_refresh(self, token: RefreshToken) -> None:
        """Store a new refresh token."""
        ...

    async def refresh(self, hash: bytes) -> RefreshToken | None:
        """The refresh token with this hash, or None."""
        ...

    async def rotate(self, hash: bytes, successor: RefreshToken, *, now_ms: int) -> bool:
        """Mark a refresh token used (the first time counts) and store its successor, both or neither.

        False, and nothing is stored, when there is no such token any more.
        """
        ...

    async def revoke_family(self, family: int) -> None:
        """Delete every refresh token of one sign-in."""
        ...

    async def put_owner_code(self, hash: bytes, *, now_ms: int) -> None:
        """Store the one owner code, in place of any before it."""
        ...

    async def take_owner_code(self, hash: bytes) -> bool:
        """Use the owner code up. True for exactly one caller, whoever is first."""
        ...
