"""Saved queues: a person's own, kept under a name, loaded by `queue:add_many`."""

import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NoReturn, Protocol

from whatssound.accounts.user import name_key
from whatssound.ids import TrackId, UserId
from whatssound.messages.message import is_blank
from whatssound.messages.refusing import refusing
from whatssound.rooms.saved_queue_store import (
    MAX_SAVED_QUEUES,
    NameTaken,
    QueueSummary,
    SavedQueue,
    SavedQueueStore,
    SavedTrack,
    TooManyQueues,
)
from whatssound.wire.errors import Refusal

MAX_NAME_CHARACTERS = 80


class Titled(Protocol):
    """What a saved queue remembers of a track."""

    @property
    def title(self) -> str: ...
    @property
    def artist(self) -> str | None: ...
    @property
    def duration_ms(self) -> int: ...


class SavedQueues:
    """Every method raises Refusal where the answer is no. `several` finds at most 500 tracks that exist."""

    def __init__(
        self,
        store: SavedQueueStore,
        several: Callable[[Sequence[TrackId]], Awaitable[Mapping[TrackId, Titled]]],
        *,
        new_id: Callable[[], int],
        now_ms: Callable[[], float],
    ) -> None:
        self._store = store
        self._several = several
        self._new_id = new_id
        self._now_ms = now_ms

    async def create(self, user: UserId, name: str, track_ids: Sequence[TrackId]) -> SavedQueue:
        """Keep these tracks under a new name. Refusal `conflict` (with the `id` of the one of that name, or for too
        many), `not_found` naming in `track_ids` what does not exist."""
        queue = await self._made(self._new_id(), user, name, track_ids, known={})
        try:
            await refusing(self._store.add(queue))
        except NameTaken as taken:
            raise _name_taken(taken) from taken
        except TooManyQueues as error:
            message = f"You keep {MAX_SAVED_QUEUES} queues already; delete one first."
            raise Refusal("conflict", message, details={"limit": MAX_SAVED_QUEUES}) from error
        return queue

    async def put(self, user: UserId, id: int, name: str, track_ids: Sequence[TrackId]) -> SavedQueue:
        """Another name, other tracks. What it holds already may be kept when the track is gone. Refusals as `create`,
        and `not_found` for the queue."""
        before = await self.get(user, id)
        queue = await self._made(id, user, name, track_ids, known={track.id: track for track in before.tracks})
        try:
            if not await refusing(self._store.replace(queue)):
                _no_such_queue()
        except NameTaken as taken:
            raise _name_taken(taken) from taken
        return queue

    async def get(self, user: UserId, id: int) -> SavedQueue:
        """One of this person's queues. Refusal `not_found`."""
        return await refusing(self._store.get(user, id)) or _no_such_queue()

    async def of(self, user: UserId) -> list[QueueSummary]:
        """This person's queues, the newest first; at most 100."""
        return await refusing(self._store.of(user))

    async def remove(self, user: UserId, id: int) -> None:
        """Delete one. Refusal `not_found`."""
        if not await refusing(self._store.remove(user, id)):
            _no_such_queue()

    async def forget_person(self, user: UserId) -> None:
        """Delete all of somebody who is gone."""
        await refusing(self._store.forget_person(user))

    async def _made(
        self, id: int, user: UserId, name: str, track_ids: Sequence[TrackId], *, known: Mapping[TrackId, SavedTrack]
    ) -> SavedQueue:
        name = _checked_name(name)
        wanted = list(dict.fromkeys(track_ids))
        now = {
            id: SavedTrack(id, track.title, track.artist, track.duration_ms)
            for id, track in (await self._several(wanted)).items()
        }
        found = {**known, **now}
        missing = [str(id) for id in wanted if id not in found]
        if missing:
            message = "Some of these tracks do not exist any more; leave them out."
            raise Refusal("not_found", message, details={"track_ids": missing})
        tracks = tuple(found[id] for id in track_ids)
        return SavedQueue(id, user, name, name_key(name), tracks, int(self._now_ms()))


def _checked_name(name: str) -> str:
    shown = (c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFKC", name))
    kept = " ".join("".join(shown).split())
    if is_blank(kept) or len(kept) > MAX_NAME_CHARACTERS:
        raise Refusal("invalid", f"A queue's name has 1 to {MAX_NAME_CHARACTERS} characters.")
    return kept


def _name_taken(taken: NameTaken) -> Refusal:
    message = "You keep a queue of that name; choose another, or replace that one."
    return Refusal("conflict", message, details={"id": str(taken.id)})


def _no_such_queue() -> NoReturn:
    raise Refusal("not_found", "You keep no such queue.")
