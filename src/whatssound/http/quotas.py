"""What somebody's uploads may take, counted also while several arrive at once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from whatssound.accounts.user import User
from whatssound.config import People
from whatssound.ids import UserId
from whatssound.wire.bodies import Storage
from whatssound.wire.errors import Refusal

FORM_BYTES: Final = 64 * 1024
"""What a form may hold beside the file: boundaries, headers, other fields. So much more than the file is announced."""


class Share:
    """One upload's part of its owner's quota: what was announced, or what has arrived when that is more."""

    def __init__(self, tally: "_Tally", quota_bytes: int) -> None:
        self._tally = tally
        self._quota_bytes = quota_bytes
        self.claimed_bytes = 0

    def claim(self, announced_bytes: int) -> None:
        """Take so much, or nothing. Raises Refusal `too_large` when it does not fit, and is in nobody's way then."""
        self.claimed_bytes = announced_bytes
        try:
            self.check()
        except Refusal:
            self.claimed_bytes = 0
            raise

    def grew(self, size_bytes: int) -> None:
        """So much of the file has arrived. Raises Refusal `too_large` when the quota is used up."""
        self.claimed_bytes = max(self.claimed_bytes, size_bytes)
        self.check()

    def check(self) -> None:
        """Raises Refusal `too_large` when everything together is more than the quota."""
        if self._tally.used_bytes <= self._quota_bytes:
            return
        used_bytes = self._tally.used_bytes - self.claimed_bytes
        raise Refusal(
            "too_large",
            f"Your uploads may take {_readable(self._quota_bytes)}, and {_readable(used_bytes)} of that is used. "
            "Remove some, then try again.",
            details={"used_bytes": used_bytes, "quota_bytes": self._quota_bytes},
        )


@dataclass(slots=True)
class _Tally:
    """What one person has stored, and what of theirs arrives now.

    `reading` puts the looks at the store in order, so that an older answer never replaces a newer one.
    """

    stored_bytes: int = 0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    arriving: set[Share] = field(default_factory=set[Share])

    @property
    def used_bytes(self) -> int:
        return self.stored_bytes + sum(share.claimed_bytes for share in self.arriving)


class Quotas:
    """Keeps uploads within `people.quota_bytes` a person; the owner and services have no limit.

    `stored_bytes` answers what somebody's stored uploads take. Uploads that arrive at the same time count together.
    """

    def __init__(self, people: People, stored_bytes: Callable[[UserId], Awaitable[int]]) -> None:
        self._people = people
        self._stored_bytes = stored_bytes
        self._tallies: dict[UserId, _Tally] = {}

    async def storage(self, user: User) -> Storage:
        """What somebody's uploads take and may take."""
        return Storage(used_bytes=await self._stored_bytes(user.id), quota_bytes=self._quota_of(user))

    @asynccontextmanager
    async def upload(self, user: User, announced_bytes: int | None) -> AsyncGenerator[Share | None]:
        """A share for one upload, from before its first byte until it is stored; None for whom there is no limit.

        Raises Refusal `too_large` when what is announced does not fit any more.
        """
        quota_bytes = self._quota_of(user)
        if quota_bytes is None:
            yield None
            return
        tally = self._tallies.setdefault(user.id, _Tally())
        share = Share(tally, quota_bytes)
        tally.arriving.add(share)
        try:
            async with tally.reading:
                tally.stored_bytes = await self._stored_bytes(user.id)
                # One after another, so that of several that come at once those that fit are let in.
                share.claim(max(0, (announced_bytes or 0) - FORM_BYTES))
            yield share
        finally:
            await self._end(user.id, tally, share)

    async def _end(self, user_id: UserId, tally: _Tally, share: Share) -> None:
        """What was kept counts as stored from the same moment on in which it does not count as arriving any more."""
        try:
            async with tally.reading:
                if len(tally.arriving) > 1:
                    tally.stored_bytes = await self._stored_bytes(user_id)
                tally.arriving.discard(share)
        finally:
            tally.arriving.discard(share)
            if not tally.arriving:
                self._tallies.pop(user_id, None)

    def _quota_of(self, user: User) -> int | None:
        return None if user.role in ("owner", "service") else self._people.quota_bytes


def _readable(size_bytes: int) -> str:
    """With one decimal from a gigabyte on, as people read their disks."""
    for unit, factor in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.{1 if unit == 'GB' else 0}f} {unit}"
    return f"{size_bytes} bytes"
