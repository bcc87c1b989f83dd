"""A data folder in one file, and back: everything that cannot be made again."""

from whatssound.backup.restore import restore
from whatssound.backup.write import write_backup

__all__ = ["restore", "write_backup"]
