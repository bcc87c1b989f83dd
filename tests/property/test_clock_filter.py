"""What is believed of another's clock is never further off than it says."""

from hypothesis import given
from hypothesis import strategies as st

from whatssound.bus.clock_filter import ClockFilter
from whatssound.wire.clock import DRIFT_PER_MS, Exchange

way = st.floats(0.01, 500)


@given(
    st.floats(-1e9, 1e9), st.lists(st.tuples(way, way, st.floats(0, 50), st.floats(0, 2_000)), min_size=1, max_size=40)
)
def test_the_truth_lies_within_the_bound_whatever_the_ways_take(
    ahead_ms: float, questions: list[tuple[float, float, float, float]]
) -> None:
    clock, now_ms = ClockFilter(), 1_000.0
    for there_ms, back_ms, at_work_ms, pause_ms in questions:
        t1 = now_ms
        t2 = t1 + there_ms + ahead_ms
        t3 = t2 + at_work_ms
        now_ms = t4 = t3 + back_ms - ahead_ms
        believed = clock.add(Exchange(t1, t2, t3, t4))
        assert abs(believed.ahead_ms - ahead_ms) <= believed.bound_at(now_ms) + 1e-3
        now_ms += pause_ms


def test_the_quickest_question_is_believed_and_its_age_counts_against_it() -> None:
    clock = ClockFilter()
    clock.add(Exchange(0, 100.5, 100.5, 1))
    slow = clock.add(Exchange(1_000, 1_180, 1_180, 1_040))
    assert (slow.ahead_ms, slow.bound_ms, slow.at_ms) == (100, 0.5, 1)
    later_ms = 20 / DRIFT_PER_MS + 1_000
    much_later = clock.add(Exchange(later_ms, later_ms + 130, later_ms + 130, later_ms + 38))
    assert (round(much_later.ahead_ms), round(much_later.bound_ms)) == (111, 19)


def test_only_the_newest_sixteen_are_kept() -> None:
    clock = ClockFilter()
    for n in range(100):
        clock.add(Exchange(n, n, n, n + 1))
    assert len(clock) == 16
