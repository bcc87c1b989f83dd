"""HomeBanStore on the relational database."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import home_bans
from whatssound.ids import RoomId, UserId
from whatssound.rooms.home_bans import HomeBan


class SqlHomeBans:
    """Keeps them in the table `home_bans`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, bans: Sequence[HomeBan]) -> None:
        """As HomeBanStore."""
        if not bans:
            return
        rows = [
            {
                "room_id": ban.room,
                "home": ban.home,
                "user_id": ban.user,
                "banned_ms": ban.banned_ms,
                "lapses_ms": ban.lapses_ms,
            }
            for ban in bans
        ]
        async with self._database.write() as connection:
            await connection.execute(insert(home_bans).on_conflict_do_nothing(), rows)

    async def of_room(self, room: RoomId, *, now_ms: float) -> list[HomeBan]:
        """As HomeBanStore; a range of the primary key."""
        here = (home_bans.c.room_id == room) & (home_bans.c.lapses_ms > now_ms)
        async with self._database.read() as connection:
            rows = (await connection.execute(select(home_bans).where(here))).all()
        return [HomeBan(RoomId(r.room_id), r.home, UserId(r.user_id), r.banned_ms, r.lapses_ms) for r in rows]

    async def lift(self, room: RoomId, user: UserId) -> None:
        """As HomeBanStore."""
        theirs = (home_bans.c.room_id == room) & (home_bans.c.user_id == user)
        async with self._database.write() as connection:
            await connection.execute(delete(home_bans).where(theirs))

    async def forget_lapsed(self, now_ms: float) -> int:
        """As HomeBanStore."""
        async with self._database.write() as connection:
            result = await connection.execute(delete(home_bans).where(home_bans.c.lapses_ms <= now_ms))
        return result.rowcount

    async def forget_person(self, user: UserId) -> None:
        """As HomeBanStore; reads the whole table, which a day bounds."""
        async with self._database.write() as connection:
            await connection.execute(delete(home_bans).where(home_bans.c.user_id == user))
