"""However presence changes between two ticks, clients hear the net of it and hold what there is."""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from presence_client import PresenceClient
from whatssound.presence.telling import Telling
from whatssound.wire import presence as wire
from whatssound.wire.presence import Meta

SHOWN = 3


class News(RuleBasedStateMachine):
    """One topic. Channels of this process have a number, those of others have none."""

    def __init__(self) -> None:
        super().__init__()
        self.telling = Telling(SHOWN, tick_bytes=1)  # one meta
        self.refs = itertools.count(1)
        self.numbers = itertools.count(1)
        self.living: dict[str, tuple[Meta, int]] = {}
        self.away: list[Meta] = []
        """Metas of a process that cannot be reached just now."""
        self.listener = PresenceClient()
        self.members: dict[int, PresenceClient] = {}
        self.pairs: list[tuple[str, str]] = []

    @rule(is_here=st.booleans(), key=st.sampled_from(("ana", "leo")))
    def come(self, is_here: bool, key: str) -> None:
        number = next(self.numbers) if is_here else 0
        if number:
            self.members[number] = PresenceClient(self.telling.state())
        self._join(Meta(key, f"r{next(self.refs)}", b"{}"), number)

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0))
    def go(self, which: int) -> None:
        meta, number = self._chosen(which)
        self._unpair(meta)
        self.telling.change(meta, None, number)

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0))
    def change(self, which: int) -> None:
        meta, number = self._chosen(which)
        new = Meta(meta.key, f"r{next(self.refs)}", b'{"a":1}', meta.ref)
        self.living[new.ref] = new, number
        self.telling.change(meta, new, number)
        if meta.ref in self.listener.refs():
            self.pairs.append((meta.ref, new.ref))
        self.pairs = [(old, new.ref if now == meta.ref else now) for old, now in self.pairs]

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0))
    def change_twice(self, which: int) -> None:
        self.change(which)
        self.change(-1)  # the newest

    @rule()
    def lose_the_others(self) -> None:
        for meta, number in list(self.living.values()):
            if not number:
                self.away.append(meta)
                del self.living[meta.ref]
                self._unpair(meta)
                self.telling.change(meta, None)

    @rule()
    def find_the_others_again(self) -> None:
        for meta in self.away:
            self._join(meta, 0)
        self.away = []

    @rule()
    def tick(self) -> None:
        told = self.telling.tick()
        joins, leaves = [meta.ref for meta in told.joins], [meta.ref for meta in told.leaves]
        held = self.listener.refs()
        assert held.isdisjoint(joins), "who is there does not come"
        assert held.issuperset(leaves), "who is not there does not go"
        for old, new in self.pairs:
            assert (old in leaves) == (new in joins), "a change leaves and joins in one tick"
        self.pairs = [(old, new) for old, new in self.pairs if new not in joins]
        for client in (self.listener, *self.members.values()):
            client.hear_diff(wire.diff(told.joins, told.leaves))
        for number, joined, left in told.alone:
            self.members[number].hear_diff(wire.diff([joined] if joined else [], [left] if left else []))

    @invariant()
    def newcomers_hold_what_the_others_hold(self) -> None:
        assert PresenceClient(self.telling.state()).refs() == self.listener.refs()
        assert self.telling.count == len(self.living)

    def teardown(self) -> None:
        while self.telling.is_news:
            self.tick()
        held = self.listener.refs()
        assert held <= set(self.living)
        assert len(held) >= min(SHOWN, len(self.living))
        for number, client in self.members.items():
            own = {meta.ref for meta, whose in self.living.values() if whose == number}
            assert client.refs() == held | own

    def _join(self, meta: Meta, number: int) -> None:
        self.living[meta.ref] = meta, number
        self.telling.change(None, meta, number)

    def _unpair(self, gone: Meta) -> None:
        self.pairs = [(old, new) for old, new in self.pairs if new != gone.ref]

    def _chosen(self, which: int) -> tuple[Meta, int]:
        return self.living.pop(list(self.living)[which % len(self.living)])


News.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestNews = News.TestCase
