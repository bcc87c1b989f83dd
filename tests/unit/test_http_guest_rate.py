"""How many new guests one address may bring."""

import pytest

from whatssound.http import guest_rate
from whatssound.http.guest_rate import GuestRate
from whatssound.wire.errors import Refusal


class Clock:
    """Server time that a test moves."""

    now_ms = 0.0

    def __call__(self) -> float:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admitted(rate: GuestRate, address: str, tries: int = 100) -> int:
    """How many of `tries` guests get in."""
    count = 0
    for _ in range(tries):
        try:
            rate.admit(address)
        except Refusal:
            continue
        count += 1
    return count


def test_a_burst_of_a_minute_s_worth_gets_in_and_then_as_many_a_minute(clock: Clock) -> None:
    rate = GuestRate(10, now_ms=clock)
    assert admitted(rate, "192.0.2.1") == 10
    clock.now_ms += 30_000
    assert admitted(rate, "192.0.2.1") == 5
    clock.now_ms += 3_600_000
    assert admitted(rate, "192.0.2.1") == 10


def test_the_wait_that_is_named_is_long_enough_and_not_longer(clock: Clock) -> None:
    rate = GuestRate(7, now_ms=clock)
    assert admitted(rate, "192.0.2.1") == 7
    with pytest.raises(Refusal) as refusal:
        rate.admit("192.0.2.1")
    wait_ms = refusal.value.retry_after_ms
    assert wait_ms is not None
    clock.now_ms += wait_ms - 2
    assert admitted(rate, "192.0.2.1", 1) == 0
    clock.now_ms += 2
    assert admitted(rate, "192.0.2.1", 1) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "not an address", False),
    ],
)
def test_a_home_s_network_is_one_address(clock: Clock, one: str, other: str, same: bool) -> None:
    rate = GuestRate(1, now_ms=clock)
    assert admitted(rate, one, 1) == 1
    assert admitted(rate, other, 1) == (0 if same else 1)


def test_the_memory_of_addresses_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_rate, "MAX_ADDRESSES", 3)
    rate = GuestRate(1, now_ms=clock)
    for number in range(10):
        rate.admit(f"192.0.2.{number}")
    assert len(rate._levels) == 3
    assert admitted(rate, "192.0.2.9", 1) == 0
    assert admitted(rate, "192.0.2.0", 1) == 1


def test_nobody_gets_in_where_none_are_wanted(clock: Clock) -> None:
    rate = GuestRate(0, now_ms=clock)
    clock.now_ms += 3_600_000
    assert admitted(rate, "192.0.2.1") == 0
