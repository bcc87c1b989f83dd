"""Invitations: made by the owner, sent as links, accepted once for each use."""

import base64
import secrets
from collections.abc import Callable, Sequence

from whatssound.accounts.invitation import DAY_MS, MAX_OPEN, Invitation, not_open
from whatssound.accounts.member_store import MemberStore
from whatssound.accounts.service import Accounts
from whatssound.accounts.tokens import hash_of
from whatssound.accounts.user import User
from whatssound.wire.bodies import Tokens
from whatssound.wire.errors import Refusal

CODE_BYTES = 16
"""128 bits: nobody guesses it, and its link still fits a QR code that phones read from a screen."""


class Invitations:
    """Makes, lists, takes back and accepts invitations. A code is shown once, when it is made."""

    def __init__(
        self,
        accounts: Accounts,
        store: MemberStore,
        *,
        new_id: Callable[[], int],
        now_ms: Callable[[], float],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._new_id = new_id
        self._now_ms = now_ms
        self._random = random

    async def make(self, host: User, *, uses: int = 1, days: int = 7) -> tuple[Invitation, str]:
        """An invitation and its code. Raises Refusal `conflict` when 100 are open already."""
        now_ms = int(self._now_ms())
        code = base64.urlsafe_b64encode(self._random(CODE_BYTES)).rstrip(b"=").decode()
        invitation = Invitation(self._new_id(), hash_of(code), host.id, now_ms, now_ms + days * DAY_MS, uses)
        if not await self._store.invite(invitation, max_open=MAX_OPEN):
            raise Refusal("conflict", f"{MAX_OPEN} invitations are open; take some back first.")
        return invitation, code

    async def open(self) -> Sequence[Invitation]:
        """Those that still let somebody in, newest first."""
        return await self._store.invitations(now_ms=int(self._now_ms()))

    async def take_back(self, id: int) -> None:
        """From now on it lets nobody in. Raises Refusal `not_found`."""
        if not await self._store.take_back(id):
            raise Refusal("not_found", "There is no such invitation.")

    async def look_at(self, code: str) -> tuple[Invitation, User | None]:
        """An open invitation and who made it. Raises Refusal `not_found`."""
        invitation = await self._store.invitation(hash_of(code))
        if invitation is None or not invitation.is_open(self._now_ms()):
            raise not_open()
        return invitation, await self._accounts.person(invitation.invited_by)

    async def accept(self, user: User, code: str) -> tuple[User, Tokens]:
        """Make a registered person one of the invited; whoever is already spends nothing.

        Raises Refusal `forbidden` to guests, who register with the code, and `not_found` when it is not open.
        """
        if user.role == "guest":
            raise Refusal("forbidden", "Make an account first; this invitation lets you.")
        await self.look_at(code)
        if user.role == "user":
            if not await self._store.accept(user.id, hash_of(code), now_ms=int(self._now_ms())):
                raise not_open()
            user = User(user.id, user.name, "invited")
            self._accounts.changed(user)
        return user, await self._accounts.sign_in(user)
