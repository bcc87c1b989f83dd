"""Who is killed because it does not answer, and who is not."""

from whatssound.serving.watch import LOOK_S, Watch

PATIENCE = 3


def looked(watch: Watch, times: int) -> list[int]:
    """Who was named in so many looks."""
    return [process for _ in range(times) for process in watch.look()]


def test_one_that_says_nothing_is_named_once_its_time_is_over_and_others_are_not() -> None:
    watch = Watch(PATIENCE * LOOK_S)
    watch.heard(1)
    watch.heard(2)
    assert looked(watch, PATIENCE) == []
    watch.heard(2)
    assert looked(watch, 1) == [1]


def test_one_that_speaks_now_and_then_is_never_named() -> None:
    watch = Watch(PATIENCE * LOOK_S)
    for _ in range(5):
        watch.heard(1)
        assert looked(watch, PATIENCE) == []


def test_a_machine_that_stood_still_for_long_costs_one_look() -> None:
    """Time is not an argument: however late a look comes, it is one."""
    watch = Watch(PATIENCE * LOOK_S)
    watch.heard(1)
    assert looked(watch, 1) == []
    watch.heard(1)
    assert looked(watch, PATIENCE) == []


def test_one_that_starts_or_has_ended_is_not_watched() -> None:
    watch = Watch(PATIENCE * LOOK_S)
    assert looked(watch, 10) == []
    watch.heard(1)
    watch.forget(1)
    watch.forget(2)
    assert looked(watch, 10) == []
