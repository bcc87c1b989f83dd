"""Chat messages in one SQLite file: one thread writes, a few read."""

from whatssound.adapters.messages_sqlite.store import SqliteMessages
from whatssound.adapters.messages_sqlite.writer import WriterStatistics

__all__ = ["SqliteMessages", "WriterStatistics"]
