"""What a room hears about its crowd, and how often."""

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from unit.test_hub_feed import ROOM, Ear, listening
from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.gateway.counts import TYPING_PER_S, Counts
from whatssound.gateway.hub import DEVICES_TICKS, LISTENERS_TICKS, Hub
from whatssound.gateway.metrics import Metrics
from whatssound.ids import RoomId, UserId


class Owner:
    """Where a room's owner hears of devices."""

    def __init__(self) -> None:
        self.seen: list[tuple[RoomId, str]] = []

    def device_seen(self, room_id: RoomId, device: str) -> None:
        self.seen.append((room_id, device))


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def hub(owner: Owner) -> Hub:
    metrics = Metrics(CollectorRegistry())
    return Hub(MemoryLog("e"), MemoryBus(), metrics, device_seen=owner.device_seen, now_s=lambda: 0.0)


def ticks(count: int, hub: Hub) -> None:
    for _ in range(count):
        hub.tick()


def heard(ear: Ear, name: str) -> list[dict[str, Any]]:
    return [payload for event, payload in ear.events if event == name]


async def test_a_count_is_told_once_a_second_and_only_when_it_changed(hub: Hub) -> None:
    ear, other = Ear(), Ear()
    await listening(hub, ear)
    await listening(hub, other)
    ticks(LISTENERS_TICKS - 1, hub)
    assert heard(ear, "listeners") == []
    ticks(LISTENERS_TICKS * 3, hub)
    assert heard(ear, "listeners") == [{"count": 2}]
    hub.detach(ROOM, other)
    await listening(hub, other)
    ticks(LISTENERS_TICKS, hub)
    assert heard(ear, "listeners") == [{"count": 2}]
    hub.detach(ROOM, other)
    ticks(LISTENERS_TICKS, hub)
    assert heard(ear, "listeners") == [{"count": 2}, {"count": 1}]


def test_the_larger_a_room_the_longer_a_count_waits_for_the_one_before_it() -> None:
    counts = Counts(now_s=0.0)
    counts.listeners = 10_000
    assert counts.may_count(100.0, 10_000)
    assert counts.take_listeners(100.0) == b'{"count":10000}'
    assert not counts.may_count(104.9, 10_000)
    assert counts.may_count(105.0, 10_000)
    assert counts.may_count(101.0, 2_000)


async def test_a_count_that_has_to_wait_is_told_later(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatssound.gateway.counts.COUNT_S", 1.0)
    now = [0.0]
    metrics = Metrics(CollectorRegistry())
    hub = Hub(MemoryLog("e"), MemoryBus(), metrics, device_seen=owner.device_seen, now_s=lambda: now[0])
    ear, other, last = Ear(), Ear(), Ear()
    await listening(hub, ear)
    await listening(hub, other)
    ticks(LISTENERS_TICKS, hub)
    await listening(hub, last)
    now[0] = 2.9
    ticks(LISTENERS_TICKS, hub)
    assert heard(ear, "listeners") == [{"count": 2}]
    now[0] = 3.0
    ticks(LISTENERS_TICKS, hub)
    assert heard(ear, "listeners") == [{"count": 2}, {"count": 3}]


async def test_reactions_are_summed_between_two_ticks(hub: Hub) -> None:
    ear = Ear()
    await listening(hub, ear)
    for emoji in "🔥🔥👏🔥":
        hub.react(ROOM, emoji)
    assert heard(ear, "reactions") == []
    ticks(2, hub)
    assert heard(ear, "reactions") == [{"🔥": 3, "👏": 1}]


async def test_only_so_many_type_at_once(hub: Hub) -> None:
    ear = Ear()
    await listening(hub, ear)
    for number in range(TYPING_PER_S + 3):
        hub.typing(ROOM, json.dumps({"user": number}).encode())
    assert heard(ear, "typing") == [{"user": number} for number in range(TYPING_PER_S)]


async def test_a_leading_device_is_reported_at_once_and_every_five_seconds(hub: Hub, owner: Owner) -> None:
    ear, second = Ear(), Ear()
    await listening(hub, ear)
    await listening(hub, second)
    hub.lead(ROOM, ear, "decks")
    hub.lead(ROOM, second, "decks")
    assert owner.seen == [(ROOM, "decks")] * 2
    ticks(DEVICES_TICKS, hub)
    assert owner.seen == [(ROOM, "decks")] * 3
    hub.detach(ROOM, ear)
    hub.detach(ROOM, second)
    ticks(DEVICES_TICKS, hub)
    assert len(owner.seen) == 3


@pytest.mark.parametrize("what", ["kicked", "banned", "muted"])
async def test_whom_it_concerns_hears_of_it_on_every_socket(hub: Hub, what: str) -> None:
    ears = [Ear(user_id=UserId(1)), Ear(user_id=UserId(1)), Ear(user_id=UserId(2)), Ear()]
    for ear in ears:
        await listening(hub, ear)
    hub.on_member(ROOM, UserId(1), what)
    hub.on_member(RoomId(8), UserId(2), what)
    assert [ear.heard_of for ear in ears] == [[what], [what], [], []]
