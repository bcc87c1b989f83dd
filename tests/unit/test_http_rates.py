"""How many new guests one address may bring, and how often a password may be tried."""

import contextlib
from collections.abc import Callable

import pytest

from whatssound.config import Limits
from whatssound.http import rates
from whatssound.http.rates import SignInRates
from whatssound.ids import UserId
from whatssound.wire.errors import Refusal


class Clock:
    """Server time that a test moves."""

    now_ms = 0.0

    def __call__(self) -> float:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def guests(per_minute: int, clock: Clock) -> SignInRates:
    return SignInRates(Limits(guests_per_minute=per_minute), now_ms=clock)


def tries(attempt: Callable[[], None], times: int = 100) -> int:
    """How many of so many attempts are let through."""
    count = 0
    for _ in range(times):
        with contextlib.suppress(Refusal):
            attempt()
            count += 1
    return count


def admitted(rate: SignInRates, address: str, times: int = 100) -> int:
    """How many of so many guests get in."""
    return tries(lambda: rate.new_person(address), times)


def test_a_burst_of_a_minute_s_worth_gets_in_and_then_as_many_a_minute(clock: Clock) -> None:
    rate = guests(10, clock)
    assert admitted(rate, "192.0.2.1") == 10
    clock.now_ms += 30_000
    assert admitted(rate, "192.0.2.1") == 5
    clock.now_ms += 3_600_000
    assert admitted(rate, "192.0.2.1") == 10


def test_the_wait_that_is_named_is_long_enough_and_not_longer(clock: Clock) -> None:
    rate = guests(7, clock)
    assert admitted(rate, "192.0.2.1") == 7
    with pytest.raises(Refusal) as refusal:
        rate.new_person("192.0.2.1")
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
    rate = guests(1, clock)
    assert admitted(rate, one, 1) == 1
    assert admitted(rate, other, 1) == (0 if same else 1)


def test_the_memory_of_addresses_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MAX_KEYS", 3)
    rate = guests(1, clock)
    for number in range(10):
        rate.new_person(f"192.0.2.{number}")
    assert len(rate._new_people) == 3
    assert admitted(rate, "192.0.2.9", 1) == 0
    assert admitted(rate, "192.0.2.0", 1) == 1


def test_one_address_cannot_use_up_the_tries_for_somebody_s_name(clock: Clock) -> None:
    rate = SignInRates(Limits(logins_per_minute=5), now_ms=clock)
    assert tries(lambda: rate.login("192.0.2.1", "Ana")) == 5
    assert tries(lambda: rate.login("192.0.2.2", "ANA")) == 5
    assert tries(lambda: rate.login("192.0.2.3", "Ａna")) == 5
    assert tries(lambda: rate.login("192.0.2.4", "Ana")) == 0
    assert tries(lambda: rate.login("192.0.2.5", "Ben")) == 5


def test_tries_come_back_with_time_and_the_answer_says_when(clock: Clock) -> None:
    rate = SignInRates(Limits(logins_per_minute=6), now_ms=clock)
    assert tries(lambda: rate.login("192.0.2.1", "Ana")) == 6
    with pytest.raises(Refusal) as refusal:
        rate.login("192.0.2.1", "Ana")
    assert (refusal.value.code, refusal.value.retry_after_ms) == ("rate_limited", 10_001)
    clock.now_ms += 10_001
    assert tries(lambda: rate.login("192.0.2.1", "Ana")) == 1


def test_who_is_signed_in_may_not_guess_their_password_for_ever_either(clock: Clock) -> None:
    rate = SignInRates(Limits(logins_per_minute=6), now_ms=clock)
    assert tries(lambda: rate.password(UserId(1))) == 6
    assert tries(lambda: rate.password(UserId(2)), 1) == 1
