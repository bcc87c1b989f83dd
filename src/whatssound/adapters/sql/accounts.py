"""AccountStore on the relational database."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from whatssound.accounts.tokens import RefreshToken
from whatssound.accounts.user import Role, User
from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import departures, owner_codes, refresh_tokens, rooms, tracks, users
from whatssound.ids import UserId

_USER = (users.c.id, users.c.name, users.c.role)


class SqlAccounts:
    """AccountStore on `users`, `refresh_tokens` and `owner_codes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User, key: str, *, now_ms: int) -> bool:
        """As AccountStore: False when the key is taken."""
        row = {
            "id": user.id,
            "name": user.name,
            "name_key": key,
            "role": user.role,
            "created_ms": now_ms,
            "seen_ms": now_ms,
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(users).values(row))
        except IntegrityError:
            return False
        return True

    async def get(self, id: UserId) -> User | None:
        """As AccountStore."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(*_USER).where(users.c.id == id))).one_or_none()
        return None if row is None else User(UserId(row.id), row.name, row.role)

    async def by_key(self, key: str) -> User | None:
        """As AccountStore."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(*_USER).where(users.c.name_key == key))).one_or_none()
        return None if row is None else User(UserId(row.id), row.name, row.role)

    async def first_with(self, role: Role) -> User | None:
        """As AccountStore. Reads the whole table: for start and sign-in of the owner."""
        query = select(*_USER).where(users.c.role == role).order_by(users.c.id).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else User(UserId(row.id), row.name, row.role)

    async def taken(self, keys: Sequence[str]) -> dict[str, UserId]:
        """As AccountStore."""
        query = select(users.c.name_key, users.c.id).where(users.c.name_key.in_(keys))
        async with self._database.read() as connection:
            return {row.name_key: UserId(row.id) for row in await connection.execute(query)}

    async def rename(self, id: UserId, name: str, key: str, *, now_ms: int) -> bool:
        """As AccountStore: False when the key is taken or the person gone."""
        change = update(users).where(users.c.id == id).values(name=name, name_key=key, changed_ms=now_ms)
        try:
            async with self._database.write() as connection:
                return (await connection.execute(change)).rowcount == 1
        except IntegrityError:
            return False

    async def changed_since(self, since_ms: int) -> Sequence[User]:
        """As AccountStore. Reads the whole table: for the start."""
        query = select(*_USER).where(users.c.changed_ms >= since_ms).order_by(users.c.changed_ms)
        async with self._database.read() as connection:
            return [User(UserId(row.id), row.name, row.role) for row in await connection.execute(query)]

    async def seen(self, ids: Sequence[UserId], *, now_ms: int, stale_ms: int) -> set[UserId]:
        """As AccountStore. Looks before it writes: who comes back within the hour is not written."""
        async with self._database.read() as connection:
            query = select(users.c.id, users.c.seen_ms).where(users.c.id.in_(ids))
            found = {UserId(row.id): row.seen_ms for row in await connection.execute(query)}
        stale = [id for id, seen_ms in found.items() if seen_ms < now_ms - stale_ms]
        if stale:
            async with self._database.write() as connection:
                await connection.execute(update(users).where(users.c.id.in_(stale)).values(seen_ms=now_ms))
        return set(found)

    async def forget(self, *, guests_unseen_since_ms: int, now_ms: int) -> Sequence[UserId]:
        """As AccountStore. Looks through uploads and rooms only for guests who go."""
        gone = (users.c.role == "guest") & (users.c.seen_ms < guests_unseen_since_ms)
        leaves = select(users.c.id).where(
            gone,
            exists().where(tracks.c.owner_id == users.c.id)
            | exists().where(rooms.c.dj_id == users.c.id, ~rooms.c.ended),
        )
        async with self._database.write() as connection:
            await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.expires_ms <= now_ms))
            leaving = [UserId(id) for id in (await connection.execute(leaves)).scalars()]
            for id in leaving:
                await connection.execute(insert(departures).values(user_id=id, gone_ms=now_ms, done=False))
            await connection.execute(delete(users).where(gone))
        return leaving

    async def add_refresh(self, token: RefreshToken) -> None:
        """As AccountStore."""
        async with self._database.write() as connection:
            await connection.execute(insert(refresh_tokens).values(_row_of(token)))

    async def refresh(self, hash: bytes) -> RefreshToken | None:
        """As AccountStore."""
        query = select(refresh_tokens).where(refresh_tokens.c.token_hash == hash)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else RefreshToken(hash, UserId(row.user_id), row.family, row.expires_ms, row.used_ms)

    async def rotate(self, hash: bytes, successor: RefreshToken, *, now_ms: int) -> bool:
        """As AccountStore: False when the token is gone."""
        used = (
            update(refresh_tokens)
            .where(refresh_tokens.c.token_hash == hash)
            .values(used_ms=func.coalesce(refresh_tokens.c.used_ms, now_ms))
        )
        async with self._database.write() as connection:
            if (await connection.execute(used)).rowcount == 0:
                return False
            await connection.execute(insert(refresh_tokens).values(_row_of(successor)))
        return True

    async def revoke_family(self, family: int) -> None:
        """As AccountStore."""
        async with self._database.write() as connection:
            await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.family == family))

    async def put_owner_code(self, hash: bytes, *, now_ms: int) -> None:
        """As AccountStore."""
        async with self._database.write() as connection:
            await connection.execute(delete(owner_codes))
            await connection.execute(insert(owner_codes).values(code_hash=hash, created_ms=now_ms))

    async def take_owner_code(self, hash: bytes) -> bool:
        """As AccountStore: True once."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(owner_codes).where(owner_codes.c.code_hash == hash))).rowcount == 1


def _row_of(token: RefreshToken) -> dict[str, object]:
    return {
        "token_hash": token.hash,
        "user_id": token.user_id,
        "family": token.family,
        "expires_ms": token.expires_ms,
        "used_ms": token.used_ms,
    }
