"""The newest id in the database, above which a new process makes its own."""

from sqlalchemy import func, select

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import rooms, saved_queues, tracks, users


async def newest_id(database: Database) -> int:
    """The largest id of any user, room, track or saved queue; 0 for an empty database. Each is at an index's end."""
    async with database.read() as connection:
        found = [
            await connection.scalar(select(func.max(table.c.id))) for table in (users, rooms, tracks, saved_queues)
        ]
    return max(id or 0 for id in found)
