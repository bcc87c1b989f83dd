"""The data folder: made at the first start, and used by one server at a time."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from whatssound.adapters.orphans import once_orphans_are_gone
from whatssound.config import StartError


class DataFolderError(StartError):
    """The data folder cannot be used; the message says what to do."""


class DataFolder:
    """The folder with everything that must survive: secret, databases, uploads, encoded audio.

    Entering it makes what is missing and takes its lock; a second server on the same folder is refused. A process that
    inherited a descriptor with the `lock` holds it together with the one that took it.
    Raises DataFolderError.
    """

    def __init__(self, root: Path, *, lock: int | None = None) -> None:
        self.root = root.expanduser().absolute()
        self._lock = lock

    @property
    def lock(self) -> int:
        """The descriptor that holds the lock, for processes of the same server; only while it is held."""
        assert self._lock is not None, "nobody has entered"
        return self._lock

    @property
    def nats(self) -> Path:
        """What a private nats-server keeps: the newest events of each room, worth nothing after a restart."""
        return self.root / "nats"

    @property
    def database(self) -> Path:
        """Accounts, rooms and the library."""
        return self.root / "whatssound.sqlite3"

    @property
    def messages(self) -> Path:
        """Chat messages, in a file of their own."""
        return self.root / "messages.sqlite3"

    @property
    def secret(self) -> Path:
        """The one secret from which every key is derived."""
        return self.root / "secret"

    @property
    def uploads(self) -> Path:
        """Uploaded originals."""
        return self.root / "uploads"

    @property
    def blobs(self) -> Path:
        """Encoded audio and covers: a cache, may be deleted while the server is stopped."""
        return self.root / "blobs"

    @property
    def demo(self) -> Path:
        """The demo's pieces."""
        return self.root / "demo"

    def make(self) -> None:
        """Create the folder when it is missing. Raises DataFolderError when that is not possible."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for part in (self.uploads, self.blobs):
                part.mkdir(exist_ok=True)
        except OSError as problem:
            raise DataFolderError(
                f"The data folder {self.root} cannot be used: {problem.strerror}. "
                "Give one that you may write to with --data."
            ) from problem

    def __enter__(self) -> Self:
        self.make()
        if self._lock is not None:
            return self
        try:
            lock = self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            once_orphans_are_gone(lambda: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError as problem:
            raise DataFolderError(
                f"Another WhatsSound already uses the data folder {self.root}. Stop it, or give another with --data."
            ) from problem
        except OSError as problem:
            raise DataFolderError(
                f"The data folder {self.root} cannot be written: {problem.strerror}. "
                "Mend its permissions, or give another one with --data."
            ) from problem
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
