"""MemberStore on the relational database."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from whatssound.accounts.invitation import Invitation
from whatssound.accounts.member_store import Registration
from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import departures, invitations, passwords, refresh_tokens, users
from whatssound.ids import UserId

DEPARTURE_LIFE_MS = 24 * 3_600_000
"""How long a departure is remembered once nothing is left: longer than any access token lives."""


class SqlMembers:
    """MemberStore on `passwords`, `invitations` and `departures`, beside `users` and `refresh_tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(
        self, wanted: Registration, *, was_guest: bool, now_ms: int
    ) -> Literal["done", "name_taken", "not_open", "gone"]:
        """As MemberStore."""
        try:
            async with self._database.write() as connection:
                if wanted.invitation is not None:
                    await _spend(connection, wanted.invitation, now_ms)
                await (_promote if was_guest else _add)(connection, wanted, now_ms)
                row = {"user_id": wanted.user.id, "hash": wanted.password_hash, "changed_ms": 0}
                await connection.execute(insert(passwords).values(row))
        except IntegrityError:
            return "name_taken"
        except _NotOpen:
            return "not_open"
        except _Gone:
            return "gone"
        return "done"

    async def password_of(self, id: UserId) -> str | None:
        """As MemberStore."""
        async with self._database.read() as connection:
            query = select(passwords.c.hash).where(passwords.c.user_id == id)
            return (await connection.execute(query)).scalar_one_or_none()

    async def set_password(self, id: UserId, hash: str, *, now_ms: int) -> bool:
        """As MemberStore."""
        async with self._database.write() as connection:
            if (await connection.execute(select(users.c.id).where(users.c.id == id))).one_or_none() is None:
                return False
            await connection.execute(delete(passwords).where(passwords.c.user_id == id))
            await connection.execute(insert(passwords).values(user_id=id, hash=hash, changed_ms=now_ms))
            await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.user_id == id))
        return True

    async def replace_hash(self, id: UserId, old: str, new: str) -> None:
        """As MemberStore."""
        same = (passwords.c.user_id == id) & (passwords.c.hash == old)
        async with self._database.write() as connection:
            await connection.execute(update(passwords).where(same).values(hash=new))

    async def recalled_since(self, since_ms: int) -> dict[UserId, int]:
        """As MemberStore."""
        changed = select(passwords.c.user_id, passwords.c.changed_ms).where(passwords.c.changed_ms >= since_ms)
        gone = select(departures.c.user_id, departures.c.gone_ms).where(departures.c.gone_ms >= since_ms)
        async with self._database.read() as connection:
            rows = [*await connection.execute(changed), *await connection.execute(gone)]
        return {UserId(user_id): moment_ms for user_id, moment_ms in rows}

    async def invite(self, invitation: Invitation, *, max_open: int) -> bool:
        """As MemberStore."""
        over = (invitations.c.expires_ms <= invitation.created_ms) | (invitations.c.uses_left <= 0)
        async with self._database.write() as connection:
            await connection.execute(delete(invitations).where(over))
            count = (await connection.execute(select(func.count()).select_from(invitations))).scalar_one()
            if count >= max_open:
                return False
            await connection.execute(insert(invitations).values(_row_of(invitation)))
        return True

    async def invitation(self, code_hash: bytes) -> Invitation | None:
        """As MemberStore."""
        query = select(invitations).where(invitations.c.code_hash == code_hash)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _invitation(row)

    async def invitations(self, *, now_ms: int) -> Sequence[Invitation]:
        """As MemberStore."""
        is_open = (invitations.c.expires_ms > now_ms) & (invitations.c.uses_left > 0)
        query = select(invitations).where(is_open).order_by(invitations.c.id.desc())
        async with self._database.read() as connection:
            return [_invitation(row) for row in await connection.execute(query)]

    async def take_back(self, id: int) -> bool:
        """As MemberStore."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(invitations).where(invitations.c.id == id))).rowcount == 1

    async def accept(self, id: UserId, code_hash: bytes, *, now_ms: int) -> bool:
        """As MemberStore."""
        registered = (users.c.id == id) & (users.c.role == "user")
        try:
            async with self._database.write() as connection:
                await _spend(connection, code_hash, now_ms)
                promoted = update(users).where(registered).values(role="invited", changed_ms=now_ms)
                if (await connection.execute(promoted)).rowcount == 0:
                    raise _Gone
        except (_NotOpen, _Gone):
            return False
        return True

    async def depart(self, id: UserId, *, now_ms: int) -> bool:
        """As MemberStore."""
        async with self._database.write() as connection:
            if (await connection.execute(delete(users).where(users.c.id == id))).rowcount == 0:
                return False
            await connection.execute(delete(passwords).where(passwords.c.user_id == id))
            await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.user_id == id))
            await connection.execute(delete(invitations).where(invitations.c.invited_by == id))
            over = departures.c.done & (departures.c.gone_ms < now_ms - DEPARTURE_LIFE_MS)
            await connection.execute(delete(departures).where(over))
            await connection.execute(insert(departures).values(user_id=id, gone_ms=now_ms, done=False))
        return True

    async def departing(self) -> Sequence[UserId]:
        """As MemberStore."""
        query = select(departures.c.user_id).where(departures.c.done.is_(False)).order_by(departures.c.user_id)
        async with self._database.read() as connection:
            return [UserId(id) for id in (await connection.execute(query)).scalars()]

    async def departed(self, id: UserId) -> None:
        """As MemberStore. The row stays: it recalls the tokens that this person may still have."""
        async with self._database.write() as connection:
            await connection.execute(update(departures).where(departures.c.user_id == id).values(done=True))


class _NotOpen(Exception):
    """The invitation lets nobody in; the transaction is rolled back."""


class _Gone(Exception):
    """There is no such person in that role; the transaction is rolled back."""


async def _spend(connection: AsyncConnection, code_hash: bytes, now_ms: int) -> None:
    is_open = (
        (invitations.c.code_hash == code_hash) & (invitations.c.uses_left > 0) & (invitations.c.expires_ms > now_ms)
    )
    spent = update(invitations).where(is_open).values(uses_left=invitations.c.uses_left - 1)
    if (await connection.execute(spent)).rowcount == 0:
        raise _NotOpen


async def _add(connection: AsyncConnection, wanted: Registration, now_ms: int) -> None:
    user = wanted.user
    row = {"id": user.id, "name": user.name, "name_key": wanted.key, "role": user.role}
    await connection.execute(insert(users).values(row | {"created_ms": now_ms, "seen_ms": now_ms}))


async def _promote(connection: AsyncConnection, wanted: Registration, now_ms: int) -> None:
    user = wanted.user
    row = {"name": user.name, "name_key": wanted.key, "role": user.role, "seen_ms": now_ms, "changed_ms": now_ms}
    guest = (users.c.id == user.id) & (users.c.role == "guest")
    if (await connection.execute(update(users).where(guest).values(row))).rowcount == 0:
        raise _Gone


def _row_of(invitation: Invitation) -> dict[str, object]:
    return {
        "id": invitation.id,
        "code_hash": invitation.code_hash,
        "invited_by": invitation.invited_by,
        "created_ms": invitation.created_ms,
        "expires_ms": invitation.expires_ms,
        "uses_left": invitation.uses_left,
    }


def _invitation(row: "Row[tuple[int, bytes, int, int, int, int]]") -> Invitation:
    return Invitation(
        id=row.id,
        code_hash=row.code_hash,
        invited_by=UserId(row.invited_by),
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        uses_left=row.uses_left,
    )
