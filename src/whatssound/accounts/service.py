"""Accounts: who people are, from their first hello to the token that proves it."""

import asyncio
import base64
import secrets
from collections.abc import Callable, Mapping

from whatssound.accounts.known import Known
from whatssound.accounts.roles import may_all
from whatssound.accounts.sightings import Sightings
from whatssound.accounts.store import AccountStore
from whatssound.accounts.tokens import (
    ACCESS_LIFE_S,
    REFRESH_BYTES,
    REFRESH_LIFE_MS,
    AccessTokens,
    RefreshToken,
    hash_of,
    was_stolen,
)
from whatssound.accounts.user import Identity, Role, User, checked_name, name_key, variants
from whatssound.config import People
from whatssound.ids import UserId
from whatssound.wire.bodies import Account, Tokens
from whatssound.wire.errors import Refusal

OWNER_NAME = "DJ"
"""What the server's owner is called until they say otherwise."""

GUEST_LIFE_MS = 30 * 24 * 3_600 * 1_000
"""A guest who was not here for 30 days is forgotten, and their name is free."""

TIDY_EVERY_MS = 3_600_000
"""How often a new guest's arrival also clears away who is gone."""

NAME_ATTEMPTS = 5
"""Rounds of looking for a free name; each loses only to somebody who took it in the same moment."""


class Accounts:
    """The people of this server: guests by name, the owner by a one-time code, and their tokens.

    `new_id` makes Snowflakes, `now_ms` is server time, `random` gives unguessable bytes; `people` says who may do what.
    """

    def __init__(
        self,
        store: AccountStore,
        tokens: AccessTokens,
        *,
        new_id: Callable[[], int],
        now_ms: Callable[[], float],
        random: Callable[[int], bytes] = secrets.token_bytes,
        people: People | None = None,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._new_id = new_id
        self._now_ms = now_ms
        self._random = random
        self._people = people or People()
        self.known = Known(tokens, now_ms=now_ms)
        """What other processes have to know too."""
        self._tidy_due_ms = 0.0
        self._on_changed: list[Callable[[User], None]] = []
        self._on_recalled: list[Callable[[UserId, int], None]] = []
        self._on_forgotten: list[Callable[[UserId], None]] = []
        self.sightings = Sightings(store, now_ms=now_ms, gone=self.recall)
        """Who was here; to be run as long as people come."""
        self._naming = asyncio.Lock()  # two who want one name here take turns, and get 2 and 3 instead of a conflict

    def verify(self, token: str) -> Identity:
        """Who an access token speaks for; cheap enough for every request. Raises Refusal `unauthorized`."""
        return self.known.verify(token)

    def is_recalled(self, identity: Identity) -> bool:
        """Whether this identity's token does not count any more: the account is gone, or its password was changed."""
        return self.known.is_recalled(identity)

    def token_for(self, user: User | None, role: Role | None = None, ttl_s: float = ACCESS_LIFE_S) -> str:
        """An access token for `user`, in their own role or in `role`; without a user, one that only reads."""
        issued_ms = None if user is None else self.known.issue_ms(user.id)
        return self._tokens.issue(user, role or (user.role if user else "anon"), ttl_s, issued_ms=issued_ms)

    async def user(self, identity: Identity) -> User:
        """The person behind a token, as they are called now, in the role they have now.

        A token that was made for another role than its person's keeps that one.

        Raises Refusal `forbidden` for a token that only reads and `unauthorized` when the person is gone.
        """
        if identity.user_id is None:
            raise Refusal("forbidden", "This token only reads; sign in with a name first.")
        user = await self._store.get(identity.user_id)
        if user is None:
            raise Refusal("unauthorized", "This account is gone; sign in again.")
        self.sightings.note(user.id)
        return User(user.id, user.name, identity.role if identity.role_is_fixed else user.role)

    def latest(self, identity: Identity, known: User) -> User:
        """`known`, or what has become of them since; see `Known.latest`."""
        return self.known.latest(identity, known)

    async def person(self, id: UserId) -> User | None:
        """Somebody by id, as they are called now; None when they are gone."""
        return await self._store.get(id)

    async def called(self, name: str) -> User | None:
        """Somebody by name, as it counts here (see `accounts.user.name_key`); None when nobody is called so."""
        return await self._store.by_key(name_key(name))

    async def require_free(self, name: str, *, for_user: UserId | None = None) -> None:
        """Raises Refusal `conflict`, with a name that is free, when somebody else has this one."""
        if (await self._store.taken([name_key(name)])).get(name_key(name), for_user) == for_user:
            return
        free = await self._free_name(name, 0, for_user=for_user)
        raise Refusal("conflict", f"Somebody here is called {name}; {free} is free.", details={"free": free})

    async def guest(self, name: str) -> tuple[User, Tokens]:
        """A new guest. A name that somebody has gets a number. Raises Refusal `invalid` for an unusable name."""
        wanted = checked_name(name)
        await self._tidy()
        user = await self._add(wanted, "guest")
        return user, await self.sign_in(user)

    async def account(self, name: str, role: Role) -> User:
        """The person of this name and role, made when there is none yet; for tokens given out by hand."""
        wanted = checked_name(name)
        found = await self._store.by_key(name_key(wanted))
        return found if found is not None and found.role == role else await self._add(wanted, role)

    async def owner(self) -> User:
        """The server's owner, made at the first call."""
        return await self._store.first_with("owner") or await self._add(OWNER_NAME, "owner")

    async def new_owner_code(self) -> str:
        """A code that signs the owner in once; codes made before stop working."""
        code = self._secret()
        await self._store.put_owner_code(hash_of(code), now_ms=int(self._now_ms()))
        return code

    async def owner_by_code(self, code: str) -> tuple[User, Tokens]:
        """The owner, signed in. Raises Refusal `unauthorized` for a code that is wrong, old or used."""
        if not await self._store.take_owner_code(hash_of(code)):
            raise Refusal(
                "unauthorized",
                "This owner link was used or replaced. Restart the server for a new one, or run `whatssound token`.",
            )
        user = await self.owner()
        return user, await self.sign_in(user)

    async def refresh(self, refresh_token: str) -> tuple[User, Tokens]:
        """New tokens for an old refresh token, which is used up.

        Whoever shows a used one again later than 30 s ends the whole sign-in: one of two holders is a thief.
        Raises Refusal `unauthorized`.
        """
        now_ms = int(self._now_ms())
        known = await self._store.refresh(hash_of(refresh_token))
        if known is None or now_ms >= known.expires_ms:
            raise _sign_in_again()
        if was_stolen(known, now_ms):
            await self._store.revoke_family(known.family)
            raise _sign_in_again()
        user = await self._store.get(known.user_id)
        secret, successor = self._refresh_token(known.user_id, known.family)
        if user is None or not await self._store.rotate(known.hash, successor, now_ms=now_ms):
            raise _sign_in_again()
        self.sightings.note(user.id)
        return user, self._tokens_of(user, secret)

    async def sign_out(self, refresh_token: str) -> None:
        """End the sign-in that this refresh token belongs to; an unknown one is no sign-in."""
        known = await self._store.refresh(hash_of(refresh_token))
        if known is not None:
            await self._store.revoke_family(known.family)

    async def rename(self, user: User, name: str) -> User:
        """Give somebody another name, by the rules of a new guest's. Raises Refusal `invalid`."""
        wanted = checked_name(name)
        async with self._naming:
            for attempt in range(NAME_ATTEMPTS):
                free = await self._free_name(wanted, attempt, for_user=user.id)
                if await self._store.rename(user.id, free, name_key(free), now_ms=int(self._now_ms())):
                    renamed = User(user.id, free, user.role)
                    self.changed(renamed)
                    return renamed
        raise _name_contested()

    def on_changed(self, callback: Callable[[User], None]) -> None:
        """Call `callback` when somebody has another name or another role. It must not block or raise."""
        self._on_changed.append(callback)

    def changed(self, user: User) -> None:
        """Somebody has another name or role now: tell those who asked to be told."""
        self.known.changed(user)
        for told in self._on_changed:
            told(user)

    def on_recalled(self, callback: Callable[[UserId, int], None]) -> None:
        """Call `callback` when somebody's tokens of up to a moment (Unix ms) do not count any more.

        It must not block or raise.
        """
        self._on_recalled.append(callback)

    def on_forgotten(self, callback: Callable[[UserId], None]) -> None:
        """Call `callback` with a guest who stayed away for too long and leaves something; it must not raise."""
        self._on_forgotten.append(callback)

    def recall(self, id: UserId) -> None:
        """From now on no token that this person was given until now counts."""
        self._tell_recalled({id: self.known.recall(id)})

    def recalled(self, moments_ms: Mapping[UserId, int]) -> None:
        """Take over what was recalled before this process began, or in another one."""
        self.known.recalled(moments_ms)
        self._tell_recalled(moments_ms)

    def _tell_recalled(self, moments_ms: Mapping[UserId, int]) -> None:
        for id, up_to_ms in moments_ms.items():
            for told in self._on_recalled:
                told(id, up_to_ms)

    def shown(self, user: User) -> Account:
        """A person as the API shows them. Raises ValueError for `anon`, which is nobody."""
        if user.role == "anon":
            raise ValueError("anon is no account")
        return Account(id=str(user.id), name=user.name, role=user.role, may=list(may_all(user.role, self._people)))

    async def sign_in(self, user: User) -> Tokens:
        """New tokens for somebody who has proved who they are: a sign-in of its own."""
        secret, token = self._refresh_token(user.id, self._new_id())
        await self._store.add_refresh(token)
        return self._tokens_of(user, secret)

    async def _add(self, wanted: str, role: Role) -> User:
        async with self._naming:
            for attempt in range(NAME_ATTEMPTS):
                user = User(UserId(self._new_id()), await self._free_name(wanted, attempt), role)
                if await self._store.add(user, name_key(user.name), now_ms=int(self._now_ms())):
                    return user
        raise _name_contested()

    async def _free_name(self, wanted: str, attempt: int, *, for_user: UserId | None = None) -> str:
        """The best free variant; after a lost race against another process, any of them, so as not to lose again."""
        names = variants(wanted, self._below)
        taken = await self._store.taken([name_key(name) for name in names])
        free = [name for name in names if taken.get(name_key(name), for_user) == for_user]
        if not free:
            raise _name_contested()
        return free[0 if attempt == 0 else self._below(len(free))]

    def _below(self, bound: int) -> int:
        return int.from_bytes(self._random(8)) % bound

    def _refresh_token(self, user_id: UserId, family: int) -> tuple[str, RefreshToken]:
        secret = self._secret()
        return secret, RefreshToken(hash_of(secret), user_id, family, int(self._now_ms()) + REFRESH_LIFE_MS)

    def _tokens_of(self, user: User, refresh_token: str) -> Tokens:
        return Tokens(self.token_for(user), refresh_token, ACCESS_LIFE_S, self.shown(user))

    def _secret(self) -> str:
        return base64.urlsafe_b64encode(self._random(REFRESH_BYTES)).rstrip(b"=").decode()

    async def _tidy(self) -> None:
        now_ms = self._now_ms()
        if now_ms < self._tidy_due_ms:
            return
        self._tidy_due_ms = now_ms + TIDY_EVERY_MS
        await self.sightings.write()
        oldest_ms = int(now_ms) - GUEST_LIFE_MS
        for id in await self._store.forget(guests_unseen_since_ms=oldest_ms, now_ms=int(now_ms)):
            for told in self._on_forgotten:
                told(id)


def _sign_in_again() -> Refusal:
    return Refusal("unauthorized", "This sign-in has ended; sign in again.")


def _name_contested() -> Refusal:
    return Refusal("conflict", "That name is in great demand; try again or choose another.")
