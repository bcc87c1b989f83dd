"""What holds for every load: the time that flushing takes, and who has to wait for it."""

from hypothesis import assume, given
from hypothesis import strategies as st

from whatssound.gateway.tick import FLUSHING_SHARE, LONGEST_TICK_S, SPARE_S, Pace, fair_share

shares = st.lists(st.floats(0, 3), min_size=1, max_size=30)


@given(shares)
def test_what_everybody_gets_is_within_the_budget(asked: list[float]) -> None:
    level = fair_share(asked)
    assert sum(min(share, level) for share in asked) <= FLUSHING_SHARE + 1e-9


@given(shares)
def test_nobody_gets_less_than_an_even_share(asked: list[float]) -> None:
    assert fair_share(asked) >= FLUSHING_SHARE / len(asked) - 1e-12


@given(shares)
def test_nothing_is_left_over_while_somebody_asks_for_more(asked: list[float]) -> None:
    assume(sum(asked) > FLUSHING_SHARE)
    level = fair_share(asked)
    assert sum(min(share, level) for share in asked) > FLUSHING_SHARE - 1e-9


@given(shares, st.floats(0, 1))
def test_who_asks_for_less_than_an_even_share_gets_it_whatever_the_others_ask(others: list[float], part: float) -> None:
    mine = part * FLUSHING_SHARE / (len(others) + 1)
    assert fair_share([*others, mine]) >= mine - 1e-12


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 1.0)), max_size=40))
def test_a_topic_that_waits_as_long_as_it_is_told_uses_its_share_at_most(flushes: list[tuple[float, float]]) -> None:
    pace, now_s, spent_s, debt_s = Pace(0.0), 0.0, 0.0, 0.0
    for cost_s, pause_s in flushes:
        now_s += pause_s
        debt_s = pace.wait_s(now_s) + pace.overload_s(now_s)
        now_s += debt_s
        assert spent_s <= FLUSHING_SHARE * now_s + SPARE_S + 1e-9
        now_s += cost_s
        pace.spent(cost_s, now_s)
        spent_s += cost_s


@given(st.floats(0, SPARE_S), st.floats(0, 100))
def test_a_quiet_topic_never_waits(cost_s: float, pause_s: float) -> None:
    pace = Pace(0.0)
    pace.spent(cost_s, pause_s)
    assert pace.wait_s(pause_s) == 0


@given(st.lists(st.floats(0, 10), max_size=20), st.floats(0.01, 0.5))
def test_a_tick_is_never_longer_than_the_longest_and_every_overload_ends(costs: list[float], share: float) -> None:
    pace = Pace(0.0)
    pace.allow(share, 0.0)
    for cost_s in costs:
        pace.spent(cost_s, 0.0)
        assert 0 <= pace.wait_s(0.0) <= LONGEST_TICK_S
    assert pace.overload_s(10.0) == 0


@given(st.integers(2, 5), st.floats(0.002, 0.3), st.floats(0.001, 0.05))
def test_topics_together_settle_near_half_of_the_time(topics: int, cost_s: float, small_s: float) -> None:
    costs = [cost_s] * (topics - 1) + [small_s]
    paces = [Pace(0.0) for _ in costs]
    free_s, now_s, spent_s, looked_s = [0.0] * topics, 0.0, 0.0, 0.0
    while now_s < 20.0:
        # Everybody always has something to say, and is heard unless it must be shed.
        index = min(range(topics), key=lambda i: free_s[i])
        now_s = max(now_s, free_s[index]) + costs[index]
        paces[index].spent(costs[index], now_s)
        free_s[index] = now_s + paces[index].wait_s(now_s) + paces[index].overload_s(now_s)
        spent_s += costs[index] if now_s > 10.0 else 0.0
        if now_s - looked_s >= 0.25:
            level = fair_share([pace.look(now_s - looked_s) for pace in paces])
            for pace in paces:
                pace.allow(level, now_s)
            looked_s = now_s
    assert spent_s / 10.0 < 0.6
