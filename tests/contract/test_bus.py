"""What every Bus must do, whatever carries the messages."""

import asyncio
from collections.abc import AsyncIterator

import pytest

import nats_rig
from contract.listening import Heard
from whatssound.adapters.memory import MemoryBus
from whatssound.adapters.nats import NatsBus, NatsServer
from whatssound.bus.bus import Bus, NoAnswer


@pytest.fixture(params=["memory", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield MemoryBus()
        return
    server: NatsServer = request.getfixturevalue("nats_server")
    async with nats_rig.connected([server]) as connection:
        bus = NatsBus(connection, name=nats_rig.new_name())
        yield bus
        await bus.close()


async def told_all(bus: Bus) -> None:
    """Return once everything that was published by now has been delivered: order is kept for one sender."""
    last: Heard[bytes] = Heard()
    subscription = bus.subscribe("the last one", last.append)
    bus.publish("the last one", b"")
    await last.count(1)
    subscription.close()


async def test_every_subscriber_of_the_topic_hears_in_the_order_of_the_sender(bus: Bus) -> None:
    one: Heard[bytes] = Heard()
    two: Heard[bytes] = Heard()
    bus.subscribe("typing", one.append)
    bus.subscribe("typing", two.append)
    sent = [str(n).encode() for n in range(500)]
    for message in sent:
        bus.publish("typing", message)
    assert await one.count(500) == await two.count(500) == sent


async def test_a_message_that_is_too_long_is_known_to_be_lost_and_the_longest_is_not(bus: Bus) -> None:
    heard: Heard[bytes] = Heard()
    bus.subscribe("long", heard.append)
    most = min(bus.largest_bytes, 10_000_000)
    assert most >= 1_000_000
    assert bus.publish("long", b"x" * most)
    assert await heard.count(1) == [b"x" * most]
    if most == bus.largest_bytes:
        assert not bus.publish("long", b"x" * (most + 1))
    await told_all(bus)


async def test_topics_do_not_hear_each_other(bus: Bus) -> None:
    heard: list[bytes] = []
    bus.subscribe("typing", heard.append)
    bus.publish("typing:1", b"x")
    await told_all(bus)
    assert heard == []


async def test_a_topic_may_hold_any_sign_that_is_special_elsewhere(bus: Bus) -> None:
    odd: Heard[bytes] = Heard()
    other: list[bytes] = []
    bus.subscribe("realtime:*.>", odd.append)
    bus.subscribe("realtime:ä.b", other.append)
    bus.publish("realtime:*.>", b"x")
    await odd.count(1)
    await told_all(bus)
    assert other == []


async def test_what_was_published_before_is_not_heard(bus: Bus) -> None:
    heard: Heard[bytes] = Heard()
    bus.publish("typing", b"early")
    bus.subscribe("typing", heard.append)
    bus.publish("typing", b"late")
    assert await heard.count(1) == [b"late"]


async def test_a_closed_subscription_hears_nothing_and_may_be_closed_again(bus: Bus) -> None:
    heard: list[bytes] = []
    other: Heard[bytes] = Heard()
    subscription = bus.subscribe("typing", heard.append)
    bus.subscribe("typing", other.append)
    subscription.close()
    subscription.close()
    bus.publish("typing", b"x")
    await other.count(1)
    await told_all(bus)
    assert (heard, other) == ([], [b"x"])


async def test_a_topic_that_everybody_left_can_be_subscribed_to_again(bus: Bus) -> None:
    bus.subscribe("typing", lambda _: None).close()
    heard: Heard[bytes] = Heard()
    bus.subscribe("typing", heard.append)
    bus.publish("typing", b"x")
    assert await heard.count(1) == [b"x"]


async def test_a_subscriber_may_be_closed_while_a_message_is_on_its_way(bus: Bus) -> None:
    heard: list[bytes] = []
    subscriptions = []
    bus.subscribe("typing", lambda _: subscriptions[0].close())
    subscriptions.append(bus.subscribe("typing", heard.append))
    bus.publish("typing", b"x")
    await told_all(bus)
    assert heard == []


async def test_a_request_is_answered_by_whoever_answers_the_topic(bus: Bus) -> None:
    async def louder(message: bytes) -> bytes:
        return message.upper()

    async def other(message: bytes) -> bytes:
        return b"wrong"

    bus.answer("say", louder)
    bus.answer("say:1", other)
    assert await bus.request("say", b"hello", timeout_s=10) == b"HELLO"
    assert await bus.request("say", b"", timeout_s=10) == b""


async def test_a_slow_answer_does_not_hold_up_the_others(bus: Bus) -> None:
    second_is_answered = asyncio.Event()

    async def patient(message: bytes) -> bytes:
        if message == b"first":
            await second_is_answered.wait()
        return message

    bus.answer("say", patient)
    first = asyncio.create_task(bus.request("say", b"first", timeout_s=10))
    await asyncio.sleep(0)
    assert await bus.request("say", b"second", timeout_s=10) == b"second"
    second_is_answered.set()
    assert await first == b"first"


async def test_a_topic_that_nobody_answers_is_told_at_once(bus: Bus) -> None:
    with pytest.raises(NoAnswer) as none:
        await bus.request("say", b"hello", timeout_s=1_000)
    assert none.value.topic == "say"


async def test_an_answer_that_does_not_come_ends_at_the_deadline(bus: Bus) -> None:
    async def never(message: bytes) -> bytes:
        return await asyncio.get_running_loop().create_future()

    bus.answer("say", never)
    with pytest.raises(NoAnswer):
        await bus.request("say", b"hello", timeout_s=0.05)


async def test_an_answerer_that_fails_is_told_at_once_and_answers_the_next(bus: Bus) -> None:
    async def fragile(message: bytes) -> bytes:
        return {b"known": b"yes"}[message]

    bus.answer("say", fragile)
    with pytest.raises(NoAnswer):
        await bus.request("say", b"unknown", timeout_s=1_000)
    assert await bus.request("say", b"known", timeout_s=10) == b"yes"


async def test_a_deadline_of_the_answerers_own_is_a_failure_of_his(bus: Bus) -> None:
    async def gives_up(message: bytes) -> bytes:
        raise TimeoutError

    bus.answer("say", gives_up)
    with pytest.raises(NoAnswer):
        await bus.request("say", b"", timeout_s=1_000)


async def test_a_topic_has_one_answerer_until_it_is_closed(bus: Bus) -> None:
    async def first(message: bytes) -> bytes:
        return b"first"

    async def second(message: bytes) -> bytes:
        return b"second"

    answering = bus.answer("say", first)
    with pytest.raises(ValueError, match="answered already"):
        bus.answer("say", second)
    answering.close()
    answering.close()
    with pytest.raises(NoAnswer):
        await bus.request("say", b"", timeout_s=10)
    bus.answer("say", second)
    assert await bus.request("say", b"", timeout_s=10) == b"second"


async def test_subscribers_do_not_hear_requests_nor_answerers_messages(bus: Bus) -> None:
    heard: list[bytes] = []
    asked: list[bytes] = []

    async def answered(message: bytes) -> bytes:
        asked.append(message)
        return b""

    bus.subscribe("say", heard.append)
    bus.answer("say", answered)
    bus.publish("say", b"message")
    await bus.request("say", b"request", timeout_s=10)
    await told_all(bus)
    assert (heard, asked) == ([b"message"], [b"request"])


async def test_statistics_tell_what_was_done(bus: Bus) -> None:
    async def echo(message: bytes) -> bytes:
        return message

    heard: Heard[bytes] = Heard()
    bus.subscribe("typing", heard.append)
    bus.answer("say", echo)
    bus.publish("typing", b"x")
    await heard.count(1)
    await bus.request("say", b"", timeout_s=10)
    with pytest.raises(NoAnswer):
        await bus.request("nobody", b"", timeout_s=10)
    done = bus.statistics()
    assert (done.topics, done.published, done.delivered) == (2, 1, 1)
    assert (done.requests, done.unanswered, done.dropped, done.waiting) == (2, 1, 0, 0)
