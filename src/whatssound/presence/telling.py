"""What clients were told of who is present, and what they will be told next. Pure.

A client that enters gets what the others were told, and with them whatever follows: so all of them hold the same, and
one state serves everybody who comes within a tick. Of large topics they are shown a part, and each of them itself.
"""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from msgspec.structs import replace

from whatssound.wire import presence as wire
from whatssound.wire.phoenix import Json
from whatssound.wire.presence import Meta

SHOWN: Final = 1_000
"""Metas that clients are shown of a topic. A state of them takes about 150 KB, and a page lists no more people."""

TOLD_BYTES: Final = 64 * 1024
"""Joins, and leaves, that one tick tells at most; the rest follows with the next. An outbox holds 256 KiB."""


class Alone(NamedTuple):
    """What only one channel must be told: about its own meta, which the others are not shown."""

    member: int
    joined: Meta | None
    left: Meta | None


class Told(NamedTuple):
    """One tick's news."""

    joins: list[Meta]
    leaves: list[Meta]
    alone: list[Alone]


class Telling:
    """One topic's news: the net effect of what happened since the last tick.

    Who came and went in between is not mentioned; a meta that was changed leaves and joins in the same tick.
    """

    def __init__(self, shown: int = SHOWN, *, tick_bytes: int = TOLD_BYTES) -> None:
        self.count = 0
        """Metas there are, shown or not."""
        self._most = shown
        self._tick_bytes = tick_bytes
        self._told: dict[str, Meta] = {}
        self._joins: dict[str, Meta] = {}
        self._leaves: dict[str, Meta] = {}
        """Told, and gone since."""
        self._hidden: dict[str, Meta] = {}
        self._alone: dict[int, Alone] = {}
        self._has_hidden = False
        """Whether any meta ever was: then somebody may know their own without the others."""
        self._state: Json | None = None

    @property
    def shown(self) -> int:
        """Metas that clients know of."""
        return len(self._told)

    @property
    def is_part(self) -> bool:
        """Whether there are more than are shown to all."""
        return self.count > self._most

    @property
    def is_news(self) -> bool:
        """Whether a tick has anything to tell."""
        return bool(self._joins or self._leaves or self._alone or (self._hidden and self._has_room()))

    def change(self, left: Meta | None, joined: Meta | None, member: int = 0) -> None:
        """A meta went, came, or became another. `member` is the channel of this process whose it is."""
        self.count += (joined is not None) - (left is not None)
        stays_hidden = False
        if left is not None:
            untold = self._joins.get(left.ref)
            stays_hidden = self._leave(left, member)
            if untold is not None and joined is not None:
                joined = replace(joined, replaces=untold.replaces)  # the one before last is what clients know
        if joined is not None:
            self._join(joined, member, is_shown=not stays_hidden and (left is not None or self._has_room()))

    def hand_over(self, meta: Meta, member: int) -> None:
        """A meta that is there is another channel's from now on: it must be told of it if the others are not."""
        if meta.ref in self._hidden:
            self._alone[member] = Alone(member, meta, None)

    def tick(self) -> Told:
        """What is to be told now; counted as told."""
        self._fill()
        joins = _within(self._joins.values(), self._tick_bytes)
        rest = {meta.replaces for meta in self._joins.values() if meta.replaces} - {meta.replaces for meta in joins}
        paired = [self._leaves[meta.replaces] for meta in joins if meta.replaces in self._leaves]
        for meta in (*joins, *paired):
            self._joins.pop(meta.ref, None)
            self._leaves.pop(meta.ref, None)
        unpaired = (meta for meta in self._leaves.values() if meta.ref not in rest)
        leaves = _within(unpaired, self._tick_bytes)
        for meta in leaves:
            del self._leaves[meta.ref]
        leaves += paired
        for meta in leaves:
            del self._told[meta.ref]
        self._told.update((meta.ref, meta) for meta in joins)
        alone, self._alone = [*self._alone.values()], {}
        if joins or leaves:
            self._state = None
        return Told(joins, leaves, alone)

    def metas(self) -> Collection[Meta]:
        """What clients were told so far."""
        return self._told.values()

    def state(self) -> Json:
        """What clients were told so far, as the payload of `presence_state`."""
        if self._state is None:
            self._state = wire.state(self._told.values())
        return self._state

    # --- inside -------------------------------------------------------------------------------------------------

    def _has_room(self) -> bool:
        return len(self._told) + len(self._joins) - len(self._leaves) < self._most

    def _join(self, meta: Meta, member: int, *, is_shown: bool) -> None:
        if meta.ref in self._leaves:
            del self._leaves[meta.ref]  # it is back before anybody was told
        elif is_shown:
            self._joins[meta.ref] = meta
        else:
            self._has_hidden = True
            self._hidden[meta.ref] = meta
            if member:
                before = self._alone.get(member)
                self._alone[member] = Alone(member, meta, before.left if before else None)

    def _leave(self, meta: Meta, member: int) -> bool:
        """Whether it was hidden."""
        if self._hidden.pop(meta.ref, None) is not None:
            if member:
                self._left_alone(meta, member)
            return True
        if self._joins.pop(meta.ref, None) is None:
            if meta.ref in self._told:
                self._leaves[meta.ref] = meta
        elif member and self._has_hidden:
            self._left_alone(meta, member)
        return False

    def _left_alone(self, meta: Meta, member: int) -> None:
        before = self._alone.pop(member, None)
        known = meta if before is None else before.left  # what came since the last tick was told to nobody
        if known is not None:
            self._alone[member] = Alone(member, None, known)

    def _fill(self) -> None:
        """Show who was hidden, now that others went; the longest here first."""
        while self._hidden and self._has_room():
            ref = next(iter(self._hidden))
            self._joins[ref] = self._hidden.pop(ref)


def _within(metas: Iterable[Meta], most_bytes: int) -> list[Meta]:
    """The first of them, at least one, about `most_bytes`."""
    taken, size_bytes = list[Meta](), 0
    for meta in metas:
        if size_bytes >= most_bytes:
            break
        taken.append(meta)
        size_bytes += meta.size_bytes
    return taken
