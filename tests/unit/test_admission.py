"""Who may open a socket now, and when those who may not should come again."""

from collections.abc import Callable

import pytest

from whatssound.addresses import home_of
from whatssound.config import Limits
from whatssound.gateway.admission import LONGEST_WAIT_S, Admission
from whatssound.ids import UserId
from whatssound.wire.errors import Refusal
from whatssound.wire.hints import hint_ms, scattered_ms, with_hint

LIMITS = Limits(upgrades_per_second=100, upgrades_burst=10, sockets_per_address=2, sockets_per_user=2)
ANA, BEN = UserId(1), UserId(2)
HERE, THERE = "203.0.113.9", "198.51.100.1"


class Door:
    """Admission with time and chance in the test's hands."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.now_s = 100.0
        self.chance = 0.5
        self.admission = Admission(limits, now_s=lambda: self.now_s, chance=lambda: self.chance, places=1_000)

    def arrive(self, sockets: int = 0) -> int:
        """0 when let in, else after how many ms to come again."""
        refusal = refusal_of(lambda: self.admission.arrive(sockets))
        if refusal is None:
            return 0
        assert (refusal.code, refusal.http_status) == ("overloaded", 503)
        assert refusal.retry_after_ms is not None
        return refusal.retry_after_ms

    def refused(self, home: str = HERE, user: UserId | None = None) -> bool:
        enter = (lambda: self.admission.enter(home)) if user is None else lambda: self.admission.enter_as(user, home)
        refusal = refusal_of(enter)
        assert refusal is None or refusal.code == "rate_limited"
        return refusal is not None


def refusal_of(step: Callable[[], None]) -> Refusal | None:
    try:
        step()
    except Refusal as refusal:
        return refusal
    return None


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_burst_is_let_in_at_once_and_then_so_many_a_second(door: Door) -> None:
    assert [door.arrive() > 0 for _ in range(12)] == [False] * 10 + [True] * 2
    door.now_s += 0.055
    assert [door.arrive() > 0 for _ in range(6)] == [False] * 5 + [True]


def test_who_comes_to_a_full_process_is_told_to_come_again_and_takes_nobodys_turn(door: Door) -> None:
    assert [5_000 <= door.arrive(sockets=1_000) <= 15_000 for _ in range(20)] == [True] * 20
    assert [door.arrive(sockets=999) for _ in range(10)] == [0] * 10
    assert door.admission.statistics().places == 1_000


def test_everybody_who_is_sent_away_is_told_a_later_moment_at_the_rate_of_the_door(door: Door) -> None:
    waits = [door.arrive() for _ in range(110)][10:]
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(10, abs=2)
    assert waits[-1] == pytest.approx(1_000, abs=2)


def test_who_was_told_to_wait_has_come_in_by_then_and_is_not_waited_for_again(door: Door) -> None:
    for _ in range(110):
        door.arrive()
    assert door.admission.statistics().told_to_wait == 100
    door.now_s += 1
    assert door.admission.statistics().told_to_wait == 0


def test_hints_are_scattered_by_half(door: Door) -> None:
    found = []
    for chance in (0.0, 0.999):
        other = Door()
        other.chance = chance
        found.append([other.arrive() for _ in range(110)][-1])
    assert found == [pytest.approx(500, abs=2), pytest.approx(1_500, abs=3)]


def test_nobody_is_told_to_wait_for_minutes(door: Door) -> None:
    assert max(door.arrive() for _ in range(20_000)) <= 1_500 * LONGEST_WAIT_S


def test_ten_thousand_who_listen_to_the_hints_are_in_within_fifteen_seconds() -> None:
    door, waiting, tries = Door(Limits()), [(0.0, n) for n in range(10_000)], 0
    last_s = 0.0
    while waiting:
        waiting.sort(reverse=True)
        at_s, n = waiting.pop()
        door.now_s, door.chance, tries = 100.0 + at_s, (n * 0.618) % 1, tries + 1
        wait_ms = door.arrive()
        if wait_ms:
            waiting.append((at_s + wait_ms / 1_000, n))
        last_s = max(last_s, at_s)
    assert last_s < 15
    assert tries < 25_000


def test_an_address_has_so_many_places_and_a_place_that_is_left_is_free_again(door: Door) -> None:
    assert [door.refused() for _ in range(3)] == [False, False, True]
    assert not door.refused(THERE)
    door.admission.leave(HERE)
    assert [door.refused() for _ in range(2)] == [False, True]


def test_a_person_has_so_many_places_wherever_they_are(door: Door) -> None:
    assert [door.refused(home, ANA) for home in (HERE, THERE, "")] == [False, False, True]
    assert not door.refused(HERE, BEN)
    door.admission.leave_as(ANA, THERE)
    assert [door.refused("", ANA) for _ in range(2)] == [False, True]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_computer_is_not_limited(door: Door, address: str) -> None:
    home = home_of(address)
    assert not any(door.refused(home) or door.refused(home, ANA) for _ in range(100))
    for _ in range(100):
        door.admission.leave(home)
        door.admission.leave_as(ANA, home)


def test_an_unknown_address_is_nobody_s(door: Door) -> None:
    assert not any(door.refused("") for _ in range(100))


def test_when_all_have_gone_nothing_is_remembered(door: Door) -> None:
    door.admission.enter(HERE)
    door.admission.enter_as(ANA, HERE)
    assert door.admission.statistics()[:3] == (1, 1, 0)
    door.admission.leave(HERE)
    door.admission.leave_as(ANA, HERE)
    assert door.admission.statistics()[:3] == (0, 0, 0)


@pytest.mark.parametrize("ms", [1, 420, 29_999])
def test_a_hint_is_read_as_it_was_written(ms: int) -> None:
    reason = with_hint("restart", ms)
    assert hint_ms(reason) == ms
    assert len(reason.encode()) <= 123  # what a close frame carries


@pytest.mark.parametrize("reason", ["", "restart", "retry_after_ms=5", "a retry_after_ms=-5", "a retry_after_ms=5 b"])
def test_other_reasons_hold_no_hint(reason: str) -> None:
    assert hint_ms(reason) is None


def test_scattering_covers_the_whole_time_and_is_never_nothing() -> None:
    assert [scattered_ms(1_000, chance) for chance in (0.0, 0.5, 0.9999)] == [1, 500, 999]
    assert scattered_ms(0, 0.9) == 1
