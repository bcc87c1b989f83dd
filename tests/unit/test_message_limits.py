"""How often somebody may speak."""

import pytest

from room_builders import T0
from whatssound.messages.limits import Buckets, Rate, TokenBucket, taken

RATE = Rate(per_s=1.0, burst=3.0)


def waits(buckets: Buckets[str], *at_ms: float, key: str = "ana") -> list[int]:
    return [buckets.take(key, T0 + at) for at in at_ms]


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    buckets = Buckets[str](RATE, capacity=10)
    assert waits(buckets, 0, 0, 0, 0) == [0, 0, 0, 1_001]
    assert waits(buckets, 1_001, 1_002) == [0, 999]


def test_whoever_waits_as_told_is_let_through() -> None:
    buckets = Buckets[str](Rate(per_s=0.3, burst=1.0), capacity=10)
    now = T0
    for _ in range(50):
        assert buckets.take("ana", now) == 0
        now += buckets.take("ana", now)


def test_a_refused_one_costs_nothing() -> None:
    buckets = Buckets[str](RATE, capacity=10)
    assert [wait > 0 for wait in waits(buckets, *[0] * 100)].count(False) == 3
    assert waits(buckets, 3_000, 3_000, 3_000) == [0, 0, 0]


def test_people_do_not_use_up_each_others() -> None:
    buckets = Buckets[str](RATE, capacity=10)
    waits(buckets, 0, 0, 0)
    assert waits(buckets, 0, key="ben") == [0]


def test_a_full_bucket_grows_no_fuller() -> None:
    buckets = Buckets[str](RATE, capacity=10)
    waits(buckets, 0)
    assert waits(buckets, *[1e9] * 4) == [0, 0, 0, 1_001]


def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing() -> None:
    bucket = TokenBucket(0.0, T0)
    assert taken(bucket, RATE, T0 - 5_000) == (bucket, 1_001)
    left, wait = taken(TokenBucket(2.0, T0), RATE, T0 - 5_000)
    assert (left, wait) == (TokenBucket(1.0, T0), 0)


def test_memory_is_bounded_and_the_ones_unused_for_longest_are_forgotten() -> None:
    buckets = Buckets[str](RATE, capacity=2)
    for key in ("ana", "ana", "ana", "ben", "ana", "cem"):
        buckets.take(key, T0)
    assert len(buckets) == 2
    assert buckets.take("ana", T0) > 0


def test_what_led_to_nothing_is_given_back() -> None:
    buckets = Buckets[str](Rate(1.0, 1.0), capacity=2)
    assert waits(buckets, 0) == [0]
    buckets.give_back("ana")
    assert waits(buckets, 0) == [0]


@pytest.mark.parametrize("per_s", [0.001, 1.0, 100.0])
def test_the_advice_is_never_zero(per_s: float) -> None:
    assert taken(TokenBucket(0.999_999, T0), Rate(per_s, 1.0), T0)[1] >= 1
