"""Averages of the last minute, and what is refused because of them."""

import pytest

from whatssound.config import Limits
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.load import Load
from whatssound.realtime.meter import WINDOW_S, RollingRate


def test_the_average_is_over_a_minute_and_forgets_tick_by_tick() -> None:
    rate = RollingRate()
    rate.add(60, 102.0)
    rate.add(120, 107.0)
    assert rate.per_second(159.9) == 3.0
    assert rate.per_second(160.0) == 2.0
    assert rate.per_second(164.9) == 2.0
    assert rate.per_second(165.0) == 0.0


def test_a_long_silence_and_a_clock_that_steps_back_do_no_harm() -> None:
    rate = RollingRate()
    rate.add(60, 1_000_000.0)
    rate.add(60, 3.0)
    assert rate.per_second(999_999.0) == 2.0
    assert rate.per_second(5_000_000.0) == 0.0
    rate.add(60, 5_000_000.0)
    assert rate.per_second(5_000_059.9) == 1.0


def test_a_minutes_worth_fits_at_once_and_nothing_more_until_it_lies_behind() -> None:
    rate = RollingRate()
    assert rate.fits(600, 10, 0.0)
    assert not rate.fits(601, 10, 0.0)
    rate.add(600, 0.0)
    assert not rate.fits(1, 10, WINDOW_S - 0.1)
    assert rate.fits(1, 10, WINDOW_S)
    assert rate.fits(10**12, 0, 0.0), "0 is no limit"


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def refusal(action: object, *args: object) -> RealtimeRefusal:
    with pytest.raises(RealtimeRefusal) as caught:
        action(*args)  # type: ignore[operator]
    return caught.value


def test_only_so_many_sockets_have_realtime_topics_and_each_counts_once() -> None:
    load = Load(Limits(realtime_users=2), now_s=Clock())
    for user in ("a", "a", "b"):
        load.enter(user)
    assert refusal(load.enter, "c").reason == "ConnectionRateLimitReached: Too many connected users"
    load.leave("a")
    assert load.statistics().users == 2
    load.leave("a")
    load.enter("c")
    load.leave("b")
    load.leave("c")
    assert load.statistics().users == 0


def test_too_many_joins_end_the_socket_and_those_refused_do_not_count() -> None:
    clock = Clock()
    load = Load(Limits(realtime_joins_per_second=1), now_s=clock)
    for _ in range(60):
        load.enter("a")
    refused = refusal(load.enter, "b")
    assert refused.reason == "ClientJoinRateLimitReached: Too many joins per second"
    assert refused.ends_socket
    assert load.statistics() == (0.0, 1.0, 0.0, 1)
    clock.s = 60.0
    load.enter("b")


def test_deliveries_count_beside_what_is_sent_and_over_the_limit_only_who_sends_is_refused() -> None:
    load = Load(Limits(realtime_events_per_second=2), now_s=Clock())
    load.send(10)
    load.delivered(118)
    load.send(10)
    refused = refusal(load.send, 10)
    assert (refused.code, refused.reason) == (
        "rate_limited",
        "MessagePerSecondRateLimitReached: Too many messages per second",
    )
    load.delivered(5)
    assert not load.is_over()


def test_who_hears_is_sent_away_only_where_the_settings_say_so() -> None:
    load = Load(Limits(realtime_events_per_second=2, realtime_close_when_over=True), now_s=Clock())
    load.delivered(120)
    assert not load.is_over()
    load.delivered(1)
    assert load.is_over()
    assert not Load(Limits(realtime_close_when_over=True), now_s=Clock()).is_over()


def test_bytes_have_a_limit_and_so_has_each_payload() -> None:
    load = Load(Limits(realtime_bytes_per_second=10, realtime_payload_bytes=500), now_s=Clock())
    load.send(600)
    assert refusal(load.send, 1).code == "rate_limited"
    load.require_size(500)
    assert refusal(load.require_size, 501).error == "payload_size_exceeded"
