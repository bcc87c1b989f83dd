"""Server time follows the reference without a step."""

from dataclasses import dataclass, field

from whatssound.bus.clock_filter import Estimate
from whatssound.bus.timeline import Timeline


@dataclass
class Node:
    """A timeline on clocks that the test moves."""

    wall_ms: float = 1_800_000_000_000.0
    passed_ms: float = 5_000.0
    timeline: Timeline = field(init=False)

    def __post_init__(self) -> None:
        self.timeline = Timeline(
            wall_ns=lambda: int(self.wall_ms * 1e6), monotonic_ns=lambda: int(self.passed_ms * 1e6)
        )

    def measured(self, server_ms: float, *, bound_ms: float = 0.5) -> Estimate:
        """What a question to a reference at `server_ms` would have told now."""
        return Estimate(server_ms - self.passed_ms, bound_ms, self.passed_ms)


def test_it_is_the_wall_s_time_carried_on_by_the_monotonic_clock() -> None:
    node = Node()
    node.wall_ms += 3_600_000
    node.passed_ms += 10.25
    assert node.timeline.now_ms() == 1_800_000_000_010.25
    assert node.timeline.err_ms() == 0


def test_before_it_is_ready_it_goes_to_the_reference_s_time_in_one_step() -> None:
    node = Node()
    node.timeline.follow(node.measured(1_800_000_000_300.0))
    assert node.timeline.now_ms() == 1_800_000_000_300.0
    assert round(node.timeline.err_ms(), 3) == 0.5


def test_afterwards_it_bends_by_half_a_ms_a_second_and_says_how_far_off_it_still_is() -> None:
    for off_ms in (3.0, -3.0):
        node = Node()
        node.timeline.ready()
        node.timeline.follow(node.measured(1_800_000_000_000.0 + off_ms))
        assert node.timeline.now_ms() == 1_800_000_000_000.0
        assert round(node.timeline.err_ms(), 3) == 3.5
        node.passed_ms += 2_000
        assert abs(node.timeline.now_ms() - 1_800_000_002_000.0 - off_ms / 3) < 0.002
        node.passed_ms += 4_000
        assert abs(node.timeline.now_ms() - 1_800_000_006_000.0 - off_ms) < 0.002
        node.passed_ms += 60_000
        assert abs(node.timeline.now_ms() - 1_800_000_066_000.0 - off_ms) < 0.002
        assert 0.5 < node.timeline.err_ms() < 4, "what is old is believed less"


def test_it_never_steps_and_never_goes_back_however_often_it_is_steered() -> None:
    node = Node()
    node.timeline.ready()
    before = node.timeline.now_ms()
    for n in range(500):
        node.timeline.follow(node.measured(before + (-1) ** n * (n % 7) * 10))
        if n % 50 == 49:
            node.timeline.lead()
        node.passed_ms += 20
        now = node.timeline.now_ms()
        assert abs(now - before - 20) <= 20 / 2_000 + 0.002
        before = now


def test_who_becomes_the_reference_keeps_the_time_it_has() -> None:
    node = Node()
    node.timeline.ready()
    node.timeline.follow(node.measured(1_800_000_000_010.0))
    node.passed_ms += 2_000
    node.timeline.lead()
    node.passed_ms += 100_000
    assert abs(node.timeline.now_ms() - 1_800_000_102_001.0) < 0.002
    assert node.timeline.err_ms() == 0
