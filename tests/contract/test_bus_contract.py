"""What every Bus must do, whatever carries the messages."""

import pytest

from whatssound.adapters.memory import MemoryBus
from whatssound.bus.bus import Bus


@pytest.fixture(params=["memory"])
def bus() -> Bus:
    return MemoryBus()


async def test_every_subscriber_of_the_topic_hears_in_the_order_of_the_sender(bus: Bus) -> None:
    one: list[bytes] = []
    two: list[bytes] = []
    bus.subscribe("typing", one.append)
    bus.subscribe("typing", two.append)
    for message in (b"1", b"2", b"3"):
        bus.publish("typing", message)
    assert one == two == [b"1", b"2", b"3"]


async def test_topics_do_not_hear_each_other(bus: Bus) -> None:
    heard: list[bytes] = []
    bus.subscribe("typing", heard.append)
    bus.publish("typing:1", b"x")
    assert heard == []


async def test_what_was_published_before_is_not_heard(bus: Bus) -> None:
    heard: list[bytes] = []
    bus.publish("typing", b"early")
    bus.subscribe("typing", heard.append)
    bus.publish("typing", b"late")
    assert heard == [b"late"]


async def test_a_closed_subscription_hears_nothing_and_may_be_closed_again(bus: Bus) -> None:
    heard: list[bytes] = []
    other: list[bytes] = []
    subscription = bus.subscribe("typing", heard.append)
    bus.subscribe("typing", other.append)
    subscription.close()
    subscription.close()
    bus.publish("typing", b"x")
    assert (heard, other) == ([], [b"x"])


async def test_a_subscriber_may_be_closed_while_a_message_is_on_its_way(bus: Bus) -> None:
    heard: list[bytes] = []
    subscriptions = []
    bus.subscribe("typing", lambda _: subscriptions[0].close())
    subscriptions.append(bus.subscribe("typing", heard.append))
    bus.publish("typing", b"x")
    assert heard == []
