"""Who counts as alive, doubted or gone."""

from whatssound.bus.roster import DEAD_S, FORGET_S, SUSPECT_S, Beat, Health, Roster


def beat(node: str = "a", start: int = 1, *, owns: bool = True, ready: bool = True, leaving: bool = False) -> Beat:
    return Beat(node, start, owns=owns, ready=ready, leaving=leaving)


def test_who_beats_is_alive_and_owns_once_it_is_ready() -> None:
    roster = Roster()
    assert roster.heard(beat(ready=False), 0.0)
    assert (roster.health("a"), roster.owners()) == (Health.ALIVE, frozenset())
    assert roster.heard(beat(), 1.0)
    assert roster.owners() == {"a"}
    assert not roster.heard(beat(), 2.0), "the same again changes nothing"


def test_who_only_holds_sockets_never_owns() -> None:
    roster = Roster()
    roster.heard(beat("gateway", owns=False), 0.0)
    assert roster.owners() == frozenset()
    assert [each.node for each in roster.here()] == ["gateway"]


def test_silence_makes_doubted_then_gone_and_a_beat_alive_again() -> None:
    roster = Roster()
    roster.heard(beat(), 0.0)
    assert not roster.passed(SUSPECT_S - 0.1)
    assert roster.passed(SUSPECT_S)
    assert (roster.health("a"), roster.owners()) == (Health.SUSPECT, {"a"})
    assert not roster.passed(DEAD_S - 0.1)
    assert roster.passed(DEAD_S)
    assert (roster.health("a"), roster.owners()) == (Health.GONE, frozenset())
    assert roster.heard(beat(), DEAD_S + 1)
    assert roster.owners() == {"a"}


def test_who_says_farewell_is_gone_at_once_and_a_late_beat_does_not_bring_it_back() -> None:
    roster = Roster()
    roster.heard(beat(), 0.0)
    assert roster.heard(beat(leaving=True), 1.0)
    assert not roster.heard(beat(), 1.1)
    assert roster.here() == []
    assert roster.heard(beat(start=2), 1.2), "its next start is another matter"
    assert roster.owners() == {"a"}


def test_a_beat_of_an_earlier_start_is_not_believed_while_the_later_one_lives() -> None:
    roster = Roster()
    roster.heard(beat(start=2), 0.0)
    assert not roster.heard(beat(start=1, leaving=True), 0.1)
    assert roster.owners() == {"a"}
    roster.passed(DEAD_S)
    assert roster.heard(beat(start=1), DEAD_S + 1), "a clock that was set back keeps nobody out for ever"


def test_who_went_long_ago_is_forgotten() -> None:
    roster = Roster()
    roster.heard(beat(leaving=True), 0.0)
    roster.passed(FORGET_S)
    assert roster.heard(beat(), FORGET_S + 1)
