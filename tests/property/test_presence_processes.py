"""Whatever is tracked, lost, late, repeated, cut off or started again: in the end all know exactly who is present."""

import itertools
from collections import deque
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from presence_client import PresenceClient
from whatssound.presence.messages import Ask, Node, decode_call, decode_message, encode
from whatssound.presence.replica import DIGEST_S, SILENT_S, Heard, Replica
from whatssound.wire import presence as wire

PROCESSES = 3
SHOWN = 3

processes = st.integers(0, PROCESSES - 1)
members = st.integers(1, 2)
fates = st.lists(
    st.sampled_from(("arrives", "arrives", "arrives", "lost", "waits", "repeated", "later")),
    min_size=PROCESSES + 1,
    max_size=PROCESSES + 1,
)
bodies = st.sampled_from((b"{}", b'{"a":1}', b'{"a":2}'))


class Process:
    """One process: a replica of the topic, and clients that hear what it tells."""

    def __init__(self, index: int, life: int, new_ref: Callable[[], str], number: Callable[[], int]) -> None:
        self.node = Node(f"gateway-{index}", life)
        self.replica = Replica(self.node, number=number, new_ref=new_ref, shown=SHOWN)
        self.listener = PresenceClient()
        self.channels: dict[int, int] = {}
        self.left_behind: list[int] = []
        self.members: dict[int, PresenceClient] = {}

    def tick(self) -> None:
        told = self.replica.tracker.telling.tick()
        diff = wire.diff(told.joins, told.leaves)
        for client in (self.listener, *self.members.values()):
            client.hear_diff(diff)
        for number, joined, left in told.alone:
            if number in self.members:
                self.members[number].hear_diff(wire.diff([joined] if joined else [], [left] if left else []))

    def check_newcomer(self) -> None:
        """Who comes now holds what those hold who were here all the time."""
        assert PresenceClient(self.replica.tracker.telling.state()).refs() == self.listener.refs()


class Presence(RuleBasedStateMachine):
    """Three processes and the ways between them, each a line of messages."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        refs, lives, channels = itertools.count(1), itertools.count(1), itertools.count(1)
        self.new_channel = lambda: next(channels)
        self.new_ref = lambda: f"r{next(refs)}"
        self.new_life = lambda: next(lives)
        self.numbers = [itertools.count(1) for _ in range(PROCESSES)]
        self.processes = [self.started(index) for index in range(PROCESSES)]
        self.ways: dict[tuple[int, int], deque[bytes]] = {
            (one, other): deque() for one in range(PROCESSES) for other in range(PROCESSES) if one != other
        }
        self.cut: set[int] = set()

    def started(self, index: int) -> Process:
        self.numbers[index] = itertools.count(1)
        return Process(index, self.new_life(), self.new_ref, lambda: next(self.numbers[index]))

    # --- what happens -------------------------------------------------------------------------------------------

    @rule(index=processes, member=members, body=bodies, fates=fates)
    def track(self, index: int, member: int, body: bytes, fates: list[str]) -> None:
        process = self.processes[index]
        number = process.channels.setdefault(member, self.new_channel())
        if number not in process.members:
            process.members[number] = PresenceClient(process.replica.tracker.telling.state())
        process.replica.tracker.track(number, f"key-{member % 2}", body)
        self.say(index, fates)

    @rule(index=processes, member=members, bodies=st.lists(bodies, min_size=2, max_size=4), fates=fates)
    def track_several_times(self, index: int, member: int, bodies: list[bytes], fates: list[str]) -> None:
        for body in bodies:
            self.track(index, member, body, fates)

    @rule(index=processes, member=members, body=bodies, fates=fates)
    def lose_connection_and_come_back(self, index: int, member: int, body: bytes, fates: list[str]) -> None:
        self.track(index, member, body, fates)
        self.disconnect(index, member, has_grace=True)
        self.track(index, member, body, fates)

    @rule(index=processes, member=members, fates=fates)
    def untrack(self, index: int, member: int, fates: list[str]) -> None:
        process = self.processes[index]
        process.replica.tracker.untrack(process.channels.get(member, 0))
        self.say(index, fates)

    @rule(index=processes, member=members, has_grace=st.booleans())
    def disconnect(self, index: int, member: int, has_grace: bool) -> None:
        process = self.processes[index]
        number = process.channels.pop(member, 0)
        process.members.pop(number, None)
        if not has_grace:
            process.replica.tracker.untrack(number)
        elif process.replica.tracker.leave_behind(number):
            process.left_behind.append(number)

    @rule(index=processes)
    def end_grace(self, index: int) -> None:
        process = self.processes[index]
        while process.left_behind:
            process.replica.tracker.untrack(process.left_behind.pop())

    @rule(index=processes, fates=fates)
    def say(self, index: int, fates: list[str]) -> None:
        """Tell the others; what becomes of each message on each way is its fate."""
        if "later" in fates[PROCESSES:]:
            return
        self.spread(index, self.processes[index].replica.say(), fates)

    @rule(index=processes)
    def tick(self, index: int) -> None:
        self.processes[index].tick()
        self.processes[index].check_newcomer()

    @rule(seconds=st.sampled_from((1.0, DIGEST_S, SILENT_S + 1)))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.look()

    @rule(index=processes)
    def start_again(self, index: int) -> None:
        self.processes[index] = self.started(index)

    @rule(index=processes, fates=fates)
    def close_and_open(self, index: int, fates: list[str]) -> None:
        """The last channel leaves the topic, and another comes."""
        process = self.processes[index]
        farewell = process.replica.farewell()
        self.spread(index, [] if farewell is None else [farewell], fates)
        self.processes[index] = Process(index, process.node.life, self.new_ref, lambda: next(self.numbers[index]))

    @rule(index=processes)
    def cut_off(self, index: int) -> None:
        self.cut ^= {index}

    @rule(one=processes, other=processes, count=st.integers(1, 5))
    def arrive(self, one: int, other: int, count: int) -> None:
        for _ in range(count):
            self.deliver(one, other)

    # --- how it goes --------------------------------------------------------------------------------------------

    def spread(self, index: int, messages: list[bytes], fates: list[str]) -> None:
        for message in messages:
            self.publish(index, [message])
            for (one, other), way in self.ways.items():
                fate = fates[other] if one == index and way and way[-1] is message else "waits"
                if fate == "lost":
                    way.pop()
                elif fate == "repeated":
                    way.append(message)
                while fate == "arrives" and way:
                    self.deliver(one, other)

    def publish(self, index: int, messages: list[bytes]) -> None:
        for (one, other), way in self.ways.items():
            if one == index and not {one, other} & self.cut:
                way.extend(messages)

    def deliver(self, one: int, other: int) -> None:
        way = self.ways.get((one, other))
        if not way:
            return
        data, replica = way.popleft(), self.processes[other].replica
        if data[:4] == encode(Ask(Node("", 0), ""))[:4] and b"ask" in data[:8]:
            assert isinstance(decode_call(data), Ask)
            self.publish(other, replica.whole())
            return
        message = decode_message(data)
        outcome = replica.hear(message, self.now_s)
        if outcome is Heard.BEHIND and replica.may_ask(message.node.name, self.now_s) and not {one, other} & self.cut:
            self.ways[other, one].append(encode(Ask(self.processes[other].node, "", message.node.name)))

    def look(self) -> None:
        for index, process in enumerate(self.processes):
            if (digest := process.replica.digest()) is not None:
                self.publish(index, [digest])
            process.replica.look(self.now_s)

    def teardown(self) -> None:
        """Quiet: everything arrives for twenty-odd seconds."""
        self.cut.clear()
        for _ in range(int(SILENT_S * 2 / DIGEST_S)):
            self.now_s += DIGEST_S
            for index in range(PROCESSES):
                self.publish(index, self.processes[index].replica.say())
            self.look()
            while any(self.ways.values()):
                for one, other in self.ways:
                    self.deliver(one, other)
        living = {
            (meta.key, meta.ref, meta.body) for process in self.processes for meta in process.replica.tracker.here()
        }
        for process in self.processes:
            self.agrees(process, living)

    def agrees(self, process: Process, living: set[tuple[str, str, bytes]]) -> None:
        tracker, others = process.replica.tracker, [other.node.name for other in self.processes]
        known = [*tracker.here(), *(meta for name in others for meta in tracker.of(name))]
        assert {(meta.key, meta.ref, meta.body) for meta in known} == living
        assert len(tracker) == len(known) == len(living)
        while tracker.telling.is_news:
            process.tick()
        process.check_newcomer()
        refs = {ref for _, ref, _ in living}
        own = {meta.ref for meta in tracker.here()}
        assert process.listener.refs() <= refs
        assert len(process.listener.refs()) >= min(SHOWN, len(living))
        for client in process.members.values():
            assert client.refs() <= refs
            assert client.refs() - own <= process.listener.refs()
        own -= {meta.ref for meta in tracker.left_behind()}
        assert own <= process.listener.refs().union(*(client.refs() for client in process.members.values()))


Presence.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestPresence = Presence.TestCase
