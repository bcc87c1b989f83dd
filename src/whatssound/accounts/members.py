"""People with a password: how one gets an account, signs in by name, and changes the password."""

import contextlib
from collections.abc import Callable

from whatssound.accounts.invitation import not_open
from whatssound.accounts.member_store import MemberStore, Registration
from whatssound.accounts.passwords import PasswordHasher, checked_password, normalised
from whatssound.accounts.service import Accounts
from whatssound.accounts.tokens import hash_of
from whatssound.accounts.user import User, checked_name, name_key
from whatssound.config import People
from whatssound.ids import UserId
from whatssound.wire.bodies import Tokens
from whatssound.wire.errors import Refusal


class Members:
    """Registers people, signs them in by name and password, and keeps their passwords."""

    def __init__(
        self,
        accounts: Accounts,
        store: MemberStore,
        hasher: PasswordHasher,
        *,
        people: People,
        new_id: Callable[[], int],
        now_ms: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._hasher = hasher
        self._people = people
        self._new_id = new_id
        self._now_ms = now_ms

    async def register(
        self, name: str, password: str, *, invitation: str | None = None, visitor: User | None = None
    ) -> tuple[User, Tokens]:
        """An account of this name, signed in. A `visitor` who is a guest becomes it, under the same id.

        Raises Refusal `forbidden` when the settings or the missing invitation do not let, `invalid` for the name or
        password, `not_found` for an invitation that is not open, `conflict` for a name that somebody has.
        """
        self._may_register(invitation, visitor)
        wanted = checked_name(name)
        kept = checked_password(password, wanted)
        code = None if invitation is None else hash_of(invitation)
        if code is not None:
            await self._look_at(code)  # before the costly hash
        await self._accounts.require_free(wanted, for_user=None if visitor is None else visitor.id)
        id = UserId(self._new_id()) if visitor is None else visitor.id
        user = User(id, wanted, "user" if code is None else "invited")
        registration = Registration(user, name_key(wanted), await self._hasher.hash(kept), code)
        await self._stored(registration, was_guest=visitor is not None)
        if visitor is not None:
            self._accounts.changed(user)
        return user, await self._accounts.sign_in(user)

    async def log_in(self, name: str, password: str) -> tuple[User, Tokens]:
        """The person of this name, signed in.

        Raises Refusal `unauthorized`, the same and after as long, whether the name or the password is wrong.
        """
        user = await self._called(name)
        hash = None if user is None else await self._store.password_of(user.id)
        if not await self._fits(user, password, hash) or user is None:
            raise Refusal("unauthorized", "This name and this password do not belong together.")
        return user, await self._accounts.sign_in(user)

    async def has_password(self, id: UserId) -> bool:
        """Whether this person can sign in by name."""
        return await self._store.password_of(id) is not None

    async def confirm(self, user: User, password: str | None) -> None:
        """Raises Refusal `forbidden` when this person has a password and it is not this one."""
        hash = await self._store.password_of(user.id)
        if hash is not None and not await self._fits(user, password or "", hash):
            raise Refusal("forbidden", "This is not your password.")

    async def set_password(self, user: User, new: str) -> Tokens:
        """Another password; every sign-in of theirs ends, and the answer is a new one.

        Raises Refusal `forbidden` to guests, who make an account instead, and `invalid` for a password that is none.
        """
        if user.role not in ("user", "invited", "owner"):
            raise Refusal("forbidden", "A guest has no password; make an account to get one.")
        hash = await self._hasher.hash(checked_password(new, user.name))
        if not await self._store.set_password(user.id, hash, now_ms=int(self._now_ms())):
            raise Refusal("unauthorized", "This account is gone; sign in again.")
        self._accounts.recall(user.id)
        return await self._accounts.sign_in(user)

    async def person_called(self, name: str) -> User:
        """Somebody by name, for commands given by hand. Raises Refusal `not_found`."""
        user = await self._called(name)
        if user is None:
            raise Refusal("not_found", f"There is nobody called {name!r} here.")
        return user

    def _may_register(self, invitation: str | None, visitor: User | None) -> None:
        if visitor is not None and visitor.role != "guest":
            raise Refusal("conflict", f"You have an account: you are {visitor.name}. Sign out to make another.")
        if self._people.may_register == "nobody":
            raise Refusal("forbidden", "Nobody can make an account here; come in as a guest.")
        if self._people.may_register == "invited" and invitation is None:
            raise Refusal("forbidden", "You need an invitation to make an account; ask this server's owner for one.")

    async def _look_at(self, code: bytes) -> None:
        invitation = await self._store.invitation(code)
        if invitation is None or not invitation.is_open(self._now_ms()):
            raise not_open()

    async def _stored(self, registration: Registration, *, was_guest: bool) -> None:
        match await self._store.register(registration, was_guest=was_guest, now_ms=int(self._now_ms())):
            case "done":
                return
            case "not_open":
                raise not_open()
            case "gone":
                raise Refusal("unauthorized", "You were away for so long that you were forgotten; sign in again.")
            case "name_taken":
                await self._accounts.require_free(registration.user.name, for_user=registration.user.id)
                raise Refusal("conflict", "Somebody took this name in this moment; try again.")

    async def _called(self, name: str) -> User | None:
        with contextlib.suppress(Refusal):  # what is no name is nobody's
            return await self._accounts.called(checked_name(name))
        return None

    async def _fits(self, user: User | None, password: str, hash: str | None) -> bool:
        kept = normalised(password)
        verdict = await self._hasher.verify(kept, hash)
        if verdict.outdated and user is not None and hash is not None:
            await self._store.replace_hash(user.id, hash, await self._hasher.hash(kept))
        return verdict.fits
