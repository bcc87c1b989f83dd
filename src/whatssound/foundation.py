"""What every process that owns the files stands on: its secret, database, time and ids."""

import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.secret_file import Secret, open_secret
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.leases import SqlLeases
from whatssound.adapters.sql.migrations import upgrade
from whatssound.adapters.sql.newest import newest_id
from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.bus.leases import LeasedSnowflakes, NodeLease
from whatssound.bus.timeline import Timeline
from whatssound.config import Config
from whatssound.ids import Snowflakes, ms_of


@dataclass(frozen=True, slots=True)
class Foundation:
    """The folder, opened and migrated, and what is read or made of it once."""

    config: Config
    folder: DataFolder
    secret: Secret
    database: Database
    timeline: Timeline
    ids: Snowflakes
    registry: CollectorRegistry

    def show(self, part: str, statistics: Callable[[], Any]) -> None:
        """Let `/metrics` tell what `part` says of itself."""
        self.registry.register(StatisticsCollector(part, statistics))


async def foundation(
    config: Config, folder: DataFolder, timeline: Timeline, registry: CollectorRegistry, stack: AsyncExitStack
) -> Foundation:
    """Open all of it; closed in reverse order by `stack`. Raises StartError, with advice."""
    secret = open_secret(folder.secret, jwt_secret=config.jwt_secret)
    upgrade(sqlite_url(folder.database, driver="pysqlite"))
    database = Database(sqlite_url(folder.database))
    stack.push_async_callback(database.close)
    ids = LeasedSnowflakes(timeline.now_ms, floor_ms=ms_of(await newest_id(database)) + 1)
    lease = NodeLease(SqlLeases(database), ids, holder=secrets.token_hex(8), now_ms=timeline.now_ms)
    await stack.enter_async_context(lease)
    registry.register(StatisticsCollector("node_lease", lease.statistics))
    return Foundation(config, folder, secret, database, timeline, ids, registry)
