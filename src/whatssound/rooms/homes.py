"""From which homes people came to which room: kept for a day, so that a ban holds against a new guest account."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from whatssound.ids import RoomId, UserId
from whatssound.messages.refusing import refusing
from whatssound.rooms.home_bans import HomeBan, HomeBanStore
from whatssound.rooms.room import Room

TIDY_EVERY_MS: Final = 10 * 60 * 1_000

HOME_LIFE_MS: Final = 24 * 3_600 * 1_000 - TIDY_EVERY_MS
"""What is known of a home lapses so long after it was last seen; with the next tidying it is gone within 24 h."""

MAX_VISITS: Final = 100_000
"""Remembered visits, about 30 MB: the listeners of the largest room. Beyond it the oldest make way."""

HASH_BYTES: Final = 16

_Visit = tuple[RoomId, UserId, bytes]


class Homes:
    """Remembers homes as keyed hashes, one kind for each room, so that nothing links a person's visits.

    Visits stay in memory; a ban writes those of the banned person down until they lapse. `key` is secret.
    """

    def __init__(
        self, store: HomeBanStore, *, key: bytes, now_ms: Callable[[], float], max_visits: int = MAX_VISITS
    ) -> None:
        self._store = store
        self._key = key
        self._now_ms = now_ms
        self._max_visits = max_visits
        self._visits: OrderedDict[_Visit, float] = OrderedDict()
        self._tidied_ms = float("-inf")

    def __len__(self) -> int:
        return len(self._visits)

    def seen(self, room: RoomId, user: UserId, home: str) -> None:
        """`user` is in `room`, from `home`; "" is no home."""
        if (hash := self.hashed(room, home)) is None:
            return
        visit = (room, user, hash)
        self._visits[visit] = self._now_ms()
        self._visits.move_to_end(visit)
        if len(self._visits) > self._max_visits:
            self._visits.popitem(last=False)

    async def ban(self, room: RoomId, user: UserId) -> None:
        """Write down where `user` came from in the last day. It counts while the room holds `user` banned."""
        now_ms = self._now_ms()
        bans = [
            HomeBan(room, home, user, int(now_ms), int(seen_ms + HOME_LIFE_MS))
            for (there, who, home), seen_ms in self._visits.items()
            if there == room and who == user and seen_ms + HOME_LIFE_MS > now_ms
        ]
        await refusing(self._store.add(bans))

    async def lift(self, room: RoomId, user: UserId) -> None:
        """Forget where `user` came from, now that the ban is lifted."""
        await refusing(self._store.lift(room, user))

    async def bans(self, room: Room) -> Sequence[HomeBan]:
        """From where people were banned who are banned still; nothing is read when nobody is."""
        if not any(member.banned for member in room.members):
            return ()
        return await refusing(self._store.of_room(room.id, now_ms=self._now_ms()))

    def hashed(self, room: RoomId, home: str) -> bytes | None:
        """As `hashed` with this server's key."""
        return hashed(room, home, key=self._key)

    async def forget_person(self, user: UserId) -> None:
        """Forget where `user` came from, everywhere."""
        for visit in [visit for visit in self._visits if visit[1] == user]:
            del self._visits[visit]
        await refusing(self._store.forget_person(user))

    async def tidy(self) -> None:
        """Forget what has lapsed, in memory and on disk; to be called often, does something every 10 minutes."""
        now_ms = self._now_ms()
        if now_ms - self._tidied_ms < TIDY_EVERY_MS:
            return
        while self._visits and next(iter(self._visits.values())) + HOME_LIFE_MS <= now_ms:
            self._visits.popitem(last=False)
        await refusing(self._store.forget_lapsed(now_ms))
        self._tidied_ms = now_ms


def hashed(room: RoomId, home: str, *, key: bytes) -> bytes | None:
    """What is kept of a home: a keyed hash of its own in each room; None for "", which is no home."""
    if not home:
        return None
    return hashlib.blake2b(f"{room}:{home}".encode(), key=key, digest_size=HASH_BYTES).digest()
