"""Lines that are kept from those who said them or were shown them."""

import json

from prometheus_client import CollectorRegistry

from flush_rig import Flushing, Listener
from unit.test_hub_feed import PLAIN, ROOM, Ear, nobody_cares
from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.gateway.dialect import view
from whatssound.gateway.flusher import Flusher
from whatssound.gateway.hub import Hub
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.withheld import LIFE_S, Line, Withheld
from whatssound.wire.phoenix import V2
from whatssound.wire.record import encode_record

MINE = Line("3", "n1")


def said(user: str, nonce: str) -> bytes:
    return json.dumps({"id": "1", "user": {"id": user, "name": "Ana"}, "text": "x", "nonce": nonce}).encode()


def test_a_line_is_one_person_s_nonce_and_comes_once() -> None:
    withheld: Withheld[str] = Withheld()
    withheld.hold(MINE, "me", 0)
    assert withheld.take(said("4", "n1"), 1) == frozenset()
    assert withheld.take(said("3", "n2"), 1) == frozenset()
    assert withheld.concerns(said("3", "n1"), "me")
    assert withheld.take(said("3", "n1"), 1) == {"me"}
    assert withheld.take(said("3", "n1"), 1) == frozenset()
    assert len(withheld) == 0


def test_a_line_that_does_not_come_is_forgotten_also_when_it_is_held_again() -> None:
    withheld: Withheld[str] = Withheld()
    withheld.hold(MINE, "me", 0)
    withheld.hold(MINE, "you", LIFE_S - 1)
    withheld.hold(Line("3", "n2"), "me", LIFE_S + 1)
    assert len(withheld) == 1
    assert withheld.take(said("3", "n1"), LIFE_S + 1) == frozenset()


def test_what_was_refused_is_told_should_it_come_after_all() -> None:
    withheld: Withheld[str] = Withheld()
    withheld.hold(MINE, "me", 0)
    withheld.let_go(MINE, "me")
    withheld.let_go(MINE, "me")
    assert len(withheld) == 0


async def test_everything_before_a_withheld_line_is_written_and_everything_after_it() -> None:
    flusher = Flusher(now_s=lambda: 0.0)
    log = MemoryLog("e")
    hub = Hub(log, MemoryBus(), Metrics(CollectorRegistry()), device_seen=nobody_cares, flusher=flusher)
    mine, same, plain, gone = Ear(view(V2)), Ear(view(V2)), Ear(PLAIN), Ear(view(V2))
    for ear in (mine, same, plain, gone):
        feed = await hub.attach(ROOM, ear)
        feed.release(ear, feed.position)
    feed = await hub.attach(ROOM, mine)
    feed.withhold(Line("3", "n2"), mine)
    feed.withhold(Line("3", "n2"), gone)
    hub.detach(ROOM, gone)
    for nonce in ("n1", "n2", "n3"):
        await log.append(ROOM, b"chat\n" + said("3", nonce), key=nonce)
    await log.append(ROOM, encode_record("room", {"rev": 2}), key="room")
    heard = [[payload["payload"].get("nonce") for _, payload in ear.events] for ear in (mine, same)]
    assert heard == [["n1", "n3", None], ["n1", "n2", "n3", None]]
    assert [payload.get("nonce") for _, payload in plain.events] == ["n1", "n2", "n3", None]
    assert same.frames[0] is mine.frames[0]
    assert gone.frames == []


async def test_in_a_busy_room_what_was_gathered_before_a_withheld_line_is_not_lost() -> None:
    rig = Flushing()
    await rig.crowd(100, cost_s=1e-3)
    mine, other = Listener(rig.loop), Listener(rig.loop)
    feed = await rig.listening(mine)
    await rig.listening(other)
    feed.withhold(Line("3", "n3"), mine)
    for nonce in ("n1", "n2", "n3", "n4"):
        await rig.log.append(ROOM, b"chat\n" + said("3", nonce), key=nonce)
    await rig.say()  # an event without a nonce harms nobody
    rig.loop.rest()
    heard = [[payload.get("nonce") for _, payload in listener.events] for listener in (mine, other)]
    assert heard == [["n1", "n2", "n4", None], ["n1", "n2", "n3", "n4", None]]
