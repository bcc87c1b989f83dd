"""What waits for a slow reader, and what happens when it is too much."""

from dataclasses import dataclass, field

import pytest

from whatssound.gateway.burst import Burst, Part
from whatssound.gateway.outbox import EXEMPT_BYTES, PROGRESS_BYTES, SLICE_BYTES, Outbox

LIMIT = 1_000


@dataclass
class Slow:
    """A transport that takes what it is given until it is told to be full."""

    now_s: float = 0.0
    written: list[bytes] = field(default_factory=list)
    overflows: int = 0
    full_after: int | None = None
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.write, self.overflow, limit_bytes=LIMIT, limit_s=5.0, now_s=lambda: self.now_s)

    def write(self, data: bytes | memoryview) -> None:
        self.written.append(bytes(data))
        if self.full_after is not None and sum(map(len, self.written)) >= self.full_after:
            self.outbox.paused()

    def overflow(self) -> None:
        self.overflows += 1

    def takes_all(self) -> bytes:
        self.full_after = None
        self.outbox.resumed()
        return b"".join(self.written)


@pytest.fixture
def slow() -> Slow:
    return Slow()


def test_a_reader_that_keeps_up_gets_everything_at_once(slow: Slow) -> None:
    slow.outbox.send(b"one")
    assert slow.written == [b"one"]
    assert slow.outbox.statistics().waiting_frames == 0


def test_order_is_kept_through_a_pause(slow: Slow) -> None:
    slow.outbox.send(b"1")
    slow.outbox.paused()
    slow.outbox.send(b"2")
    slow.outbox.send(b"3")
    assert slow.written == [b"1"]
    assert slow.takes_all() == b"123"


def test_superseded_state_goes_first_then_all_state_and_never_an_event(slow: Slow) -> None:
    slow.outbox.paused()
    slow.outbox.send(b"a" * 300, state="listeners")
    slow.outbox.send(b"e" * 300)
    slow.outbox.send(b"b" * 300, state="listeners")
    slow.outbox.send(b"f" * 300)
    assert slow.outbox.statistics().dropped_frames == 1
    slow.outbox.send(b"g" * 300)
    assert slow.outbox.statistics().dropped_frames == 2
    assert slow.overflows == 0
    assert slow.takes_all() == b"e" * 300 + b"f" * 300 + b"g" * 300


def test_more_events_than_may_wait_end_the_socket_once(slow: Slow) -> None:
    slow.outbox.paused()
    for _ in range(9):
        slow.outbox.send(b"e" * 300)
    assert slow.overflows == 1
    assert slow.outbox.statistics().waiting_bytes <= LIMIT + 300


def test_an_event_that_waits_longer_than_allowed_ends_the_socket(slow: Slow) -> None:
    slow.outbox.paused()
    slow.outbox.send(b"e")
    slow.outbox.check(5.0)
    assert slow.overflows == 0
    slow.outbox.check(5.1)
    assert slow.overflows == 1


def test_a_reader_that_takes_something_now_and_then_may_stay(slow: Slow) -> None:
    for second in range(0, 40, 4):
        slow.now_s = float(second)
        slow.outbox.paused()
        slow.outbox.send(b"e")
        slow.outbox.check(slow.now_s)
        slow.takes_all()
    assert slow.overflows == 0


def test_a_join_reply_may_be_longer_than_the_bound_while_it_makes_progress(slow: Slow) -> None:
    slow.full_after = 1
    slow.outbox.send(b"r" * (PROGRESS_BYTES * 3), exempt=True)
    slow.outbox.send(b"e")
    assert len(slow.written[0]) == SLICE_BYTES
    assert slow.outbox.mid_frame
    for second in range(1, 11):
        slow.now_s = float(second)
        slow.outbox.resumed()  # takes one slice a second: 320 KiB in 5 s
        slow.outbox.check(slow.now_s)
    assert slow.overflows == 0
    assert slow.takes_all() == b"r" * (PROGRESS_BYTES * 3) + b"e"


def test_a_join_reply_that_stands_still_ends_the_socket(slow: Slow) -> None:
    slow.full_after = 1
    slow.outbox.send(b"r" * PROGRESS_BYTES * 2, exempt=True)
    slow.outbox.check(5.1)
    assert slow.overflows == 1


def test_what_waited_behind_a_long_reply_has_its_own_time(slow: Slow) -> None:
    slow.full_after = 1
    slow.outbox.send(b"r" * SLICE_BYTES * 2, exempt=True)
    slow.outbox.send(b"e")
    slow.now_s = 4.0
    slow.outbox.resumed()
    slow.outbox.check(9.0)
    assert slow.overflows == 0
    slow.outbox.check(9.1)
    assert slow.overflows == 1


def test_join_replies_that_nobody_reads_do_not_pile_up(slow: Slow) -> None:
    slow.outbox.paused()
    for _ in range(3):
        slow.outbox.send(b"r" * (EXEMPT_BYTES // 2), exempt=True)
    assert slow.overflows == 1


def test_a_finished_outbox_is_silent(slow: Slow) -> None:
    slow.outbox.paused()
    slow.outbox.send(b"1")
    slow.outbox.finish()
    slow.outbox.send(b"2")
    slow.outbox.resumed()
    assert slow.written == []


def burst(*parts: bytes | tuple[bytes, str]) -> Burst:
    return Burst([Part(part) if isinstance(part, bytes) else Part(*part) for part in parts])


def test_a_tick_leaves_in_one_write_while_the_reader_keeps_up(slow: Slow) -> None:
    slow.outbox.take(burst(b"1", (b"2", "listeners"), b"3"))
    assert slow.written == [b"123"]


def test_of_a_tick_in_line_only_superseded_state_is_dropped(slow: Slow) -> None:
    slow.outbox.paused()
    slow.outbox.take(burst((b"a" * 300, "listeners"), b"e" * 300))
    slow.outbox.take(burst((b"b" * 300, "listeners"), b"f" * 300))
    assert slow.outbox.statistics().dropped_frames == 1
    assert slow.overflows == 0
    assert slow.takes_all() == b"e" * 300 + b"b" * 300 + b"f" * 300


def test_a_tick_behind_a_long_reply_keeps_its_place(slow: Slow) -> None:
    slow.full_after = 1
    slow.outbox.send(b"r" * SLICE_BYTES * 2, exempt=True)
    slow.outbox.take(burst(b"1", b"2"))
    slow.outbox.send(b"3")
    assert slow.takes_all() == b"r" * SLICE_BYTES * 2 + b"123"


def test_a_line_of_small_frames_leaves_in_few_writes(slow: Slow) -> None:
    slow.outbox.paused()
    for _ in range(50):
        slow.outbox.send(b"e" * 10)
    assert slow.takes_all() == b"e" * 500
    assert len(slow.written) == 1


def test_more_ticks_than_may_wait_end_the_socket_once(slow: Slow) -> None:
    slow.outbox.paused()
    for _ in range(9):
        slow.outbox.take(burst(b"e" * 300, b"f" * 300))
    assert slow.overflows == 1
    assert slow.outbox.statistics().waiting_bytes <= LIMIT + 600


def test_a_frame_longer_than_the_bound_is_sent_to_whoever_makes_progress(slow: Slow) -> None:
    long, events = b"x" * 3_000_000, b"e" * 300
    for burst in (Burst([Part(events), Part(long), Part(events)]), Burst([Part(long)])):
        slow.written.clear()
        slow.outbox.paused()
        slow.outbox.take(burst)
        assert slow.overflows == 0
        for _ in range(len(burst.joined) // PROGRESS_BYTES + 1):
            slow.now_s += 4.9
            slow.full_after = sum(map(len, slow.written)) + PROGRESS_BYTES
            slow.outbox.resumed()
            slow.outbox.check(slow.now_s)
        assert slow.takes_all() == burst.joined
    slow.outbox.paused()
    slow.outbox.send(long)
    slow.outbox.send(long)
    assert slow.overflows == 1
