"""Whatever happens between two slices of a flush, every channel hears everything once and in order."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flush_rig import ROOM, Flushing, Listener
from whatssound.bus.log import LogPosition
from whatssound.gateway.dialect import plain, view
from whatssound.wire.phoenix import V1, V2

DIALECTS = (plain(V2), plain(V1), view(V2), view(V1))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(["chat", "chat", "chat_edited", "playback", "member"])),
        st.tuples(st.just("announce"), st.just(0)),
        st.tuples(st.just("join"), st.sampled_from([0.0, 1e-4, 3e-3])),
        st.tuples(st.just("release"), st.integers(0, 9)),
        st.tuples(st.just("resume"), st.integers(0, 99)),
        st.tuples(st.just("leave"), st.integers(0, 99)),
        st.tuples(st.just("answer"), st.integers(0, 99)),
        st.tuples(st.just("turn"), st.just(0)),
        st.tuples(st.just("look"), st.just(0)),
        st.tuples(st.just("pass"), st.sampled_from([0.001, 0.02, 0.3])),
    ),
    min_size=5,
    max_size=40,
)


@dataclass
class Story:
    """A room, who listens to it from where, and what everybody must have heard."""

    rig: Flushing = field(default_factory=Flushing)
    joining: list[tuple[Listener, LogPosition]] = field(default_factory=list)
    live: list[tuple[Listener, LogPosition]] = field(default_factory=list)
    left: list[Listener] = field(default_factory=list)
    announced: int = 0

    async def fill(self, size: int) -> None:
        """Enough listeners whose sockets are slow, so that flushes are cut and ticks are long."""
        for _ in range(size):
            await self.join(1e-3)
        feed = await self.rig.feed()
        for listener, position in self.joining:
            feed.release(listener, position)
        self.live, self.joining = self.joining, []

    async def join(self, cost_s: float) -> None:
        dialect = DIALECTS[len(self.joining) % len(DIALECTS)]
        listener = Listener(self.rig.loop, cost_s, dialect)
        feed = await self.rig.hub.attach(ROOM, listener)
        self.joining.append((listener, feed.position))

    async def do(self, step: str, how: Any) -> None:
        feed = await self.rig.feed()
        if step == "say":
            await self.rig.say(how)
        elif step == "announce":
            self.announced += 1
            feed.announce("reactions", b'{"n":%d}' % self.announced, "reactions")
        elif step == "join":
            await self.join(how)
        elif step == "release" and self.joining:
            listener, position = self.joining.pop(how % len(self.joining))
            feed.release(listener, position)
            self.live.append((listener, position))
        elif step == "resume" and self.live:
            await self.resume(how % len(self.live))
        elif step == "leave" and self.live:
            self.left.append(self.live.pop(how % len(self.live))[0])
            self.rig.hub.detach(ROOM, self.left[-1])
        elif step == "answer" and self.live:
            listener, position = self.live[how % len(self.live)]
            feed.catch_up(listener)
            self.has_all(listener, position)
        elif step == "turn":
            self.rig.loop.turn()
        elif step == "look":
            self.rig.flusher.look()
        elif step == "pass":
            self.rig.loop.pass_time(how)

    async def resume(self, index: int) -> None:
        """The socket breaks; its client comes back with the newest position that it has."""
        listener, position = self.live.pop(index)
        self.rig.hub.detach(ROOM, listener)
        logged = [payload for _, payload in listener.events if "seq" in payload]
        if logged:
            position = LogPosition("e", logged[-1]["seq"], logged[-1]["key"])
        again = Listener(self.rig.loop, listener.cost_s, listener.dialect)
        feed = await self.rig.hub.attach(ROOM, again)
        missed = feed.since(position) if position.seq else []
        assert missed is not None
        reply = feed.position if position.seq else position
        self.left.append(listener)
        feed.release(again, reply)
        self.live.append((again, reply))
        assert [event.seq for event in missed] == (list(range(position.seq + 1, reply.seq + 1)))

    def has_all(self, listener: Listener, position: LogPosition) -> None:
        """In this room the numbers of events are their seqs."""
        assert listener.heard == list(range(position.seq + 1, self.rig.said + 1))


@given(STEPS)
@settings(max_examples=300, deadline=None)
async def test_nobody_misses_or_hears_twice(steps: list[tuple[str, Any]]) -> None:
    story = Story()
    await story.fill(40)
    for step, how in steps:
        await story.do(step, how)
    story.rig.loop.rest()
    for listener, position in story.live:
        story.has_all(listener, position)
        unlogged = [payload["n"] for name, payload in listener.events if name == "reactions"]
        assert unlogged == list(range(story.announced - len(unlogged) + 1, story.announced + 1))
        assert listener.starts_over == 0
    for listener in story.left:
        heard = listener.heard
        assert heard == list(range(heard[0], heard[0] + len(heard))) if heard else True
    for listener, _ in story.joining:
        assert listener.writes == []
    assert story.rig.flusher.statistics().waiting == 0
