"""What a channel is written that has kept broadcasts replayed: each once, and no more is remembered than is needed."""

import pytest

from whatssound.gateway.replays import MOST_HELD_BYTES, Replays
from whatssound.realtime.broadcast import Broadcast
from whatssound.wire.errors import Refusal

ANA, BEN = 1, 2


def kept(id: int, payload: bytes = b"{}") -> Broadcast:
    return Broadcast("e", payload, id=str(id))


def ids(broadcasts: list[Broadcast]) -> list[int]:
    return [int(broadcast.id) for broadcast in broadcasts]


def test_what_came_meanwhile_follows_what_was_replayed() -> None:
    replays = Replays()
    replays.hold(ANA)
    for id in (4, 5, 6):
        assert replays.meet(kept(id)) == []
    assert ids(replays.release(ANA, [kept(3), kept(4)])) == [3, 4, 5, 6]


def test_what_comes_late_is_told_to_those_only_who_did_not_have_it_replayed() -> None:
    replays = Replays()
    for channel, shown in ((ANA, [kept(8), kept(9)]), (BEN, [kept(8), kept(9), kept(10)])):
        replays.hold(channel)
        replays.release(channel, shown)
    assert replays.meet(kept(7)) == []
    assert replays.meet(kept(9)) == [ANA, BEN]
    assert replays.meet(kept(10)) == [BEN]


def test_nothing_is_remembered_once_a_newer_one_came_or_the_channel_went() -> None:
    replays = Replays()
    for channel in (ANA, BEN):
        replays.hold(channel)
        replays.release(channel, [kept(8)])
    replays.forget(BEN)
    assert len(replays) == 1
    assert replays.meet(kept(11)) == []
    assert len(replays) == 0


def test_a_join_that_would_have_to_hold_too_much_is_told_to_come_again() -> None:
    replays = Replays()
    for channel in (ANA, BEN):
        replays.hold(channel)
    large = kept(1, b"x" * (MOST_HELD_BYTES // 2))
    replays.meet(large)
    replays.meet(large)
    assert len(replays.release(BEN, [])) == 2
    replays.meet(large)
    with pytest.raises(Refusal, match="join again"):
        replays.release(ANA, [])


def test_an_id_of_somebody_elses_making_is_like_none() -> None:
    replays = Replays()
    replays.hold(ANA)
    replays.release(ANA, [kept(8)])
    assert replays.meet(Broadcast("e", b"{}", id="6f1c-uuid")) == []
