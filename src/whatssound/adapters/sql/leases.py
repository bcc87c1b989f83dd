"""LeaseStore on the relational database."""

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import node_leases
from whatssound.bus.leases import Lease
from whatssound.ids import NODE_BITS

NODES: Final = 1 << NODE_BITS
TRIES: Final = 20
"""Takers that may come first, each at another number."""


class SqlLeases:
    """Keeps them in the table `node_leases`: one row for each number that was ever used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, holder: str, *, now_ms: float, until_ms: float) -> Lease | None:
        """As LeaseStore; a taker that came first is noticed by the row, and the next free number tried."""
        for _ in range(TRIES):
            async with self._database.read() as connection:
                rows = (await connection.execute(select(node_leases.c.node, node_leases.c.until_ms))).all()
            held: dict[int, int] = {row.node: row.until_ms for row in rows}
            node = next((node for node in range(NODES) if held.get(node, -1) <= now_ms), None)
            if node is None:
                return None
            lease = Lease(node, holder, int(until_ms), held.get(node, 0))
            if await self._put(lease, known=node in held):
                return lease
        raise OSError("others took every node number that was tried")

    async def renew(self, lease: Lease, *, until_ms: float) -> Lease | None:
        """As LeaseStore."""
        if not await self._changed(lease, until_ms):
            return None
        return Lease(lease.node, lease.holder, int(until_ms), lease.floor_ms)

    async def release(self, lease: Lease, *, last_ms: float) -> None:
        """As LeaseStore."""
        await self._changed(lease, last_ms)

    async def _put(self, lease: Lease, *, known: bool) -> bool:
        values = {"holder": lease.holder, "until_ms": lease.until_ms}
        if known:
            free = (node_leases.c.node == lease.node) & (node_leases.c.until_ms == lease.floor_ms)
            statement = update(node_leases).where(free).values(values)
        else:
            statement = insert(node_leases).values(node=lease.node, **values).on_conflict_do_nothing()
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def _changed(self, lease: Lease, until_ms: float) -> bool:
        ours = (node_leases.c.node == lease.node) & (node_leases.c.holder == lease.holder)
        async with self._database.write() as connection:
            result = await connection.execute(update(node_leases).where(ours).values(until_ms=int(until_ms)))
        return result.rowcount == 1
