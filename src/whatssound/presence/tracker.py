"""Who is present on one topic, by the process that has their channel. Pure.

Each process owns the metas of its channels and knows those of the others as they told them. A process that is lost
takes exactly its own with it.
"""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from whatssound.presence.telling import SHOWN, Telling
from whatssound.wire.phoenix import Json
from whatssound.wire.presence import Meta, is_same


class Changes(NamedTuple):
    """What became of this process's metas."""

    joins: list[Meta]
    leaves: list[str]
    """References."""


class Tracker:
    """One topic's metas: one a channel here, any number in other processes. `new_ref` gives opaque names, each once."""

    def __init__(self, new_ref: Callable[[], str], *, shown: int = SHOWN) -> None:
        self.telling = Telling(shown)
        self._new_ref = new_ref
        self._here: dict[int, Meta] = {}
        self._there: dict[str, dict[str, Meta]] = {}
        self._joins: dict[str, Meta] = {}
        self._leaves: dict[str, None] = {}
        self._left_behind: dict[str, dict[int, None]] = {}
        """Channels that are gone and whose metas are still there, by key."""

    def __len__(self) -> int:
        return self.telling.count

    # --- channels of this process -------------------------------------------------------------------------------

    def track(self, member: int, key: str, body: Json) -> bool:
        """A channel says `body` of itself; whether that is news. Another meta than before replaces that one.

        So does that of a channel that was left behind under the same key.
        """
        old = self._here.get(member)
        if old is None and (heir_of := self._take_left_behind(key)) is not None:
            old = self._here[member] = self._here.pop(heir_of)
            self.telling.hand_over(old, member)
        if old is not None and is_same(old.body, body):
            return False
        meta = Meta(key, self._new_ref(), body, "" if old is None else old.ref)
        self._here[member] = meta
        self._changed(old, meta, member)
        return True

    def untrack(self, member: int) -> bool:
        """A channel is not present any more; whether it was."""
        old = self._here.pop(member, None)
        if old is not None:
            self._forget_left_behind(old.key, member)
            self._changed(old, None, member)
        return old is not None

    def leave_behind(self, member: int) -> bool:
        """A channel is gone, and its meta stays until it is untracked or taken over by its key; whether it had one."""
        meta = self._here.get(member)
        if meta is not None:
            self._left_behind.setdefault(meta.key, {})[member] = None
        return meta is not None

    def left_behind(self) -> list[Meta]:
        """The metas whose channels are gone."""
        return [self._here[member] for members in self._left_behind.values() for member in members]

    def here(self) -> Collection[Meta]:
        """The metas of this process."""
        return self._here.values()

    @property
    def has_changes(self) -> bool:
        """Whether the other processes must hear something."""
        return bool(self._joins or self._leaves)

    def take_changes(self) -> Changes:
        """What the other processes must hear since the last call: the net effect."""
        changes = Changes([*self._joins.values()], [*self._leaves])
        self._joins, self._leaves = {}, {}
        return changes

    # --- other processes ----------------------------------------------------------------------------------------

    def hear(self, node: str, joins: Iterable[Meta], leaves: Iterable[str]) -> None:
        """Another process tells what became of its metas. A join that replaces another is that one's leave."""
        known = self._there.setdefault(node, {})
        for meta in joins:
            if meta.ref not in known:
                old = known.pop(meta.replaces, None)
                known[meta.ref] = meta
                self.telling.change(old, meta)
                if (heir_of := self._take_left_behind(meta.key)) is not None:
                    self.untrack(heir_of)
        for ref in leaves:
            if (old := known.pop(ref, None)) is not None:
                self.telling.change(old, None)
        if not known:
            del self._there[node]

    def replace(self, node: str, metas: Iterable[Meta]) -> None:
        """Another process tells all its metas."""
        whole = {meta.ref: meta for meta in metas}
        self.hear(node, whole.values(), [ref for ref in self._there.get(node, ()) if ref not in whole])

    def lose(self, node: str) -> int:
        """Another process is gone, and its metas with it; how many."""
        lost = [*self._there.get(node, ())]
        self.hear(node, (), lost)
        return len(lost)

    def of(self, node: str) -> Collection[Meta]:
        """The metas that another process told of."""
        return self._there.get(node, {}).values()

    # --- inside -------------------------------------------------------------------------------------------------

    def _take_left_behind(self, key: str) -> int | None:
        """The channel that was left behind under `key` for longest."""
        members = self._left_behind.get(key)
        if members is None:
            return None
        member = next(iter(members))
        self._forget_left_behind(key, member)
        return member

    def _forget_left_behind(self, key: str, member: int) -> None:
        if (members := self._left_behind.get(key)) is not None:
            members.pop(member, None)
            if not members:
                del self._left_behind[key]

    def _changed(self, left: Meta | None, joined: Meta | None, member: int) -> None:
        self.telling.change(left, joined, member)
        untold = None if left is None else self._joins.pop(left.ref, None)
        if left is not None and untold is None:
            self._leaves[left.ref] = None
        if joined is not None:
            self._joins[joined.ref] = joined if untold is None else replace(joined, replaces=untold.replaces)
