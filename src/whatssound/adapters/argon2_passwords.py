"""Passwords hashed with argon2id, in a few threads beside the event loop."""

import asyncio
import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from whatssound.accounts.passwords import Verdict
from whatssound.wire.errors import Refusal

MEMORY_KIB: Final = 19_456
PASSES: Final = 2
LANES: Final = 1
"""OWASP's recommendation for argon2id (Password Storage Cheat Sheet): 19 MiB, 2 passes, 1 lane."""

MAX_THREADS: Final = 4
"""So many times 19 MiB is what all logins together take."""

MAX_WAITING: Final = 128
"""Passwords that wait or are being hashed; at 50 ms each and one thread the last one waits 6 s."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HashingStatistics:
    """`waiting` includes those being hashed; the others count since the start."""

    waiting: int
    hashed: int
    refused: int


class Argon2Passwords:
    """`accounts.passwords.PasswordHasher`. Half the cores hash, so that the others go on serving sockets."""

    def __init__(
        self, *, memory_kib: int = MEMORY_KIB, threads: int | None = None, max_waiting: int = MAX_WAITING
    ) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=memory_kib, parallelism=LANES, type=Type.ID)
        self._nobodys = _hash_of_nothing(memory_kib)
        self._max_waiting = max_waiting
        threads = threads or max(1, min(MAX_THREADS, (os.cpu_count() or 1) // 2))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._waiting = self._hashed = self._refused = 0

    async def hash(self, password: str) -> str:
        """A hash that says by itself how it was made."""
        return await self._beside(lambda: self._hasher.hash(_encoded(password)))

    async def verify(self, password: str, hash: str | None) -> Verdict:
        """Whether `hash` was made from `password`; None takes as long and never fits."""
        fits = await self._beside(lambda: self._fits(hash or self._nobodys, password))
        if hash is None or not fits:
            return Verdict(False)
        return Verdict(True, self._hasher.check_needs_rehash(hash))

    def statistics(self) -> HashingStatistics:
        """What the threads have done."""
        return HashingStatistics(self._waiting, self._hashed, self._refused)

    async def close(self) -> None:
        """Finish what is being hashed, and end the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    def _fits(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, _encoded(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _beside(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._max_waiting:
            self._refused += 1
            raise Refusal("overloaded", "Too many are signing in at this moment; try again.", retry_after_ms=3_000)
        self._waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        running.add_done_callback(self._finished)  # also when whoever asked has left: the thread is still busy
        return await asyncio.shield(running)

    def _finished(self, done: "asyncio.Future[T]") -> None:
        self._waiting -= 1
        self._hashed += 1
        if not done.cancelled():
            done.exception()  # seen, also when nobody waits for it any more


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _hash_of_nothing(memory_kib: int) -> str:
    """A hash that no password has, and that takes as long to find out as any other."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={memory_kib},t={PASSES},p={LANES}${salt}${digest}"
