"""Listeners are counted over all nodes, also when messages are lost and nodes die."""

from whatssound.gateway import audience
from whatssound.gateway.audience import SILENT_S, Audience
from whatssound.ids import RoomId

FRIDAY, SUNDAY = RoomId(1), RoomId(2)


def tell(teller: Audience, listener: Audience, now_s: float = 0) -> set[RoomId]:
    """Everything that changed, from one to the other."""
    message = teller.changes()
    return set() if message is None else listener.hear(message, now_s)


def test_listeners_of_all_nodes_are_added_up() -> None:
    one, two, three = Audience("one"), Audience("two"), Audience("three")
    one.count(FRIDAY, 3)
    two.count(FRIDAY, 4)
    two.count(SUNDAY, 1)
    assert tell(one, three) == {FRIDAY}
    assert tell(two, three) == {FRIDAY, SUNDAY}
    three.count(FRIDAY, 5)
    assert (three.listeners(FRIDAY), three.listeners(SUNDAY)) == (12, 1)
    two.count(FRIDAY, 0)
    tell(two, three)
    assert three.listeners(FRIDAY) == 8


def test_only_what_changed_is_told() -> None:
    one = Audience("one")
    assert one.changes() is None
    one.count(FRIDAY, 3)
    assert one.changes() is not None
    assert one.changes() is None


def test_what_one_tells_is_not_counted_again_by_oneself() -> None:
    one = Audience("one")
    one.count(FRIDAY, 3)
    assert tell(one, one) == set()
    assert one.listeners(FRIDAY) == 3


def test_a_lost_change_is_made_good_by_the_whole(monkeypatch) -> None:
    monkeypatch.setattr(audience, "ROOMS_A_MESSAGE", 2)
    one, two = Audience("one"), Audience("two")
    for room in range(5):
        one.count(RoomId(room), room + 1)
    tell(one, two)
    one.count(RoomId(0), 0)
    one.count(RoomId(4), 9)
    assert one.changes() is not None  # lost
    concerned = set().union(*[two.hear(message, 0) for message in one.everything()])
    assert concerned == {0, 1, 2, 3, 4}
    assert [two.listeners(RoomId(room)) for room in range(5)] == [0, 2, 3, 4, 9]


def test_a_node_that_says_nothing_any_more_has_no_listeners() -> None:
    one, two = Audience("one"), Audience("two")
    one.count(FRIDAY, 3)
    tell(one, two, now_s=100)
    assert two.forget_silent(100 + SILENT_S) == set()
    assert two.forget_silent(100 + SILENT_S + 1) == {FRIDAY}
    assert two.listeners(FRIDAY) == 0
    [whole] = one.everything()
    two.hear(whole, 200)
    assert two.listeners(FRIDAY) == 3
