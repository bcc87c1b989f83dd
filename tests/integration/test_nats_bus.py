"""The bus between processes on a real server: one message a process, in order, and no waiting for what is gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import nats_rig
from contract.listening import Heard
from whatssound.adapters.nats import NatsBus, NatsConnection, NatsServer, NatsUnreachable
from whatssound.adapters.nats import bus as nats_bus
from whatssound.adapters.nats.connection import MAX_WAITING
from whatssound.adapters.network import lasting_ports
from whatssound.bus.bus import NoAnswer


@contextlib.asynccontextmanager
async def process(server: NatsServer, name: str, *, process: str = "test") -> AsyncIterator[NatsBus]:
    """What one process has of the bus."""
    async with nats_rig.connected([server], name=process) as connection:
        bus = NatsBus(connection, name=name)
        yield bus
        await bus.close()


def sent_to(server: NatsServer, process: str) -> int:
    """Messages that the server sent to the process of that name, by its own count."""
    connections = nats_rig.monitoring(server, "/connz")["connections"]
    [found] = [each["out_msgs"] for each in connections if each.get("name") == process]
    return found


async def test_a_process_with_many_listeners_is_sent_each_message_once_and_one_without_none(
    nats_server: NatsServer,
) -> None:
    name = nats_rig.new_name()
    async with (
        process(nats_server, name) as sender,
        process(nats_server, name, process=f"{name}-listens") as listens,
        process(nats_server, name, process=f"{name}-elsewhere") as elsewhere,
    ):
        heard: list[Heard[bytes]] = [Heard() for _ in range(500)]
        for each in heard:
            listens.subscribe("room:1:typing", each.append)
        other: Heard[bytes] = Heard()
        elsewhere.subscribe("room:2:typing", other.append)
        await listens.flush()
        await elsewhere.flush()
        for n in range(20):
            sender.publish("room:1:typing", str(n).encode())
        for each in heard:
            assert await each.count(20) == [str(n).encode() for n in range(20)]
        await elsewhere.flush()
        assert sent_to(nats_server, f"{name}-listens") == 20
        assert sent_to(nats_server, f"{name}-elsewhere") == 0
        assert other == []


async def test_the_server_forgets_a_topic_that_everybody_here_has_left(nats_server: NatsServer) -> None:
    name = nats_rig.new_name()
    async with process(nats_server, name, process=name) as bus:
        for subscription in [bus.subscribe("typing", lambda _: None) for _ in range(3)]:
            subscription.close()
        bus.publish("typing", b"x")
        await bus.flush()
        assert sent_to(nats_server, name) == 0
        assert bus.statistics().topics == 0


async def test_two_senders_are_each_heard_in_their_order_by_all(nats_server: NatsServer) -> None:
    name = nats_rig.new_name()
    async with contextlib.AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(process(nats_server, name)) for _ in range(4)]
        heard: list[Heard[bytes]] = [Heard() for _ in buses]
        for bus, each in zip(buses, heard, strict=True):
            bus.subscribe("typing", each.append)
            await bus.flush()
        for n in range(1_000):
            buses[n % 2].publish("typing", f"{n % 2}:{n}".encode())
            if n % 100 == 0:
                await asyncio.sleep(0)
        for each in heard:
            await each.count(1_000)
            for sender in (b"0:", b"1:"):
                numbers = [int(message[2:]) for message in each if message.startswith(sender)]
                assert numbers == sorted(numbers)
                assert len(numbers) == 500


async def test_a_question_is_answered_by_another_process(nats_server: NatsServer) -> None:
    name = nats_rig.new_name()

    async def louder(message: bytes) -> bytes:
        return message.upper()

    async with process(nats_server, name) as asks, process(nats_server, name) as answers:
        answering = answers.answer("say", louder)
        await answers.flush()
        said = await asyncio.gather(*(asks.request("say", f"a{n}".encode(), timeout_s=20) for n in range(500)))
        assert said == [f"A{n}".encode() for n in range(500)]
        answering.close()
        await answers.flush()
        with pytest.raises(NoAnswer, match="nobody answers"):
            await asks.request("say", b"", timeout_s=1_000)


async def test_installations_with_other_names_do_not_hear_each_other(nats_server: NatsServer) -> None:
    async with process(nats_server, nats_rig.new_name()) as one, process(nats_server, nats_rig.new_name()) as two:
        mine: Heard[bytes] = Heard()
        theirs: Heard[bytes] = Heard()
        one.subscribe("typing", mine.append)
        two.subscribe("typing", theirs.append)
        await two.flush()
        one.publish("typing", b"x")
        await mine.count(1)
        await two.flush()
        assert theirs == []


async def test_an_answer_that_is_too_large_to_send_is_told_at_once(nats_server: NatsServer) -> None:
    async def too_large(message: bytes) -> bytes:
        return bytes(16 * 1024 * 1024)

    async with process(nats_server, nats_rig.new_name()) as bus:
        bus.answer("say", too_large)
        with pytest.raises(NoAnswer, match="could not be sent"):
            await bus.request("say", b"", timeout_s=1_000)


async def test_who_answers_too_many_at_once_says_so(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_bus, "MAX_ANSWERING", 2)
    go_on = asyncio.Event()

    async def waits(message: bytes) -> bytes:
        await go_on.wait()
        return message

    async with process(nats_server, nats_rig.new_name()) as bus:
        bus.answer("say", waits)
        first_two = [asyncio.create_task(bus.request("say", b"x", timeout_s=60)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(NoAnswer, match="overloaded"):
            await bus.request("say", b"third", timeout_s=1_000)
        go_on.set()
        assert await asyncio.gather(*first_two) == [b"x", b"x"]


async def test_without_a_server_nothing_blocks_or_raises_and_everything_is_counted(tmp_path: Path) -> None:
    with nats_rig.one_server(tmp_path) as server:
        async with nats_rig.connected([server]) as connection:
            bus = NatsBus(connection, name="t")

            async def never(message: bytes) -> bytes:
                return await asyncio.get_running_loop().create_future()

            heard: Heard[bytes] = Heard()
            bus.subscribe("typing", heard.append)
            bus.answer("say", never)
            asking = asyncio.create_task(bus.request("say", b"", timeout_s=1_000))
            await bus.flush()
            server.kill()
            with pytest.raises(NoAnswer, match="lost"):
                await asking
            for _ in range(100):
                bus.publish("typing", b"lost")
            with pytest.raises(NoAnswer):
                await bus.request("say", b"", timeout_s=1_000)
            statistics = bus.statistics()
            assert (statistics.dropped, statistics.unanswered, statistics.waiting) == (100, 2, 0)
            server.start()
            await nats_rig.until(lambda: connection.is_connected)
            bus.publish("typing", b"heard")
            assert await heard.count(1) == [b"heard"]
            await bus.close()


async def test_what_waits_to_be_sent_is_bounded_and_the_rest_counted(nats_server: NatsServer) -> None:
    async with process(nats_server, nats_rig.new_name()) as bus:
        heard: Heard[bytes] = Heard()
        bus.subscribe("typing", heard.append)
        await bus.flush()
        for _ in range(MAX_WAITING + 500):
            bus.publish("typing", b"x")
        assert (bus.statistics().dropped, bus.statistics().waiting) == (500, MAX_WAITING)
        await heard.count(MAX_WAITING)
        bus.publish("typing", bytes(64 * 1024 * 1024))
        assert bus.statistics().dropped == 501


async def test_a_subscriber_that_raises_hurts_nobody_else(nats_server: NatsServer) -> None:
    def broken(message: bytes) -> None:
        raise ZeroDivisionError

    async with process(nats_server, nats_rig.new_name()) as bus:
        heard: Heard[bytes] = Heard()
        bus.subscribe("typing", broken)
        bus.subscribe("reaction", heard.append)
        bus.publish("typing", b"x")
        bus.publish("reaction", b"y")
        assert await heard.count(1) == [b"y"]


async def test_a_client_that_was_ended_for_good_is_replaced_with_all_its_subscriptions(nats_server: NatsServer) -> None:
    async with nats_rig.connected([nats_server]) as connection:
        bus = NatsBus(connection, name=nats_rig.new_name())
        gaps: list[int] = []
        connection.on_gap(lambda: gaps.append(1))
        heard: Heard[bytes] = Heard()
        bus.subscribe("typing", heard.append)
        await bus.flush()
        # A line that is no NATS: the server complains, and nats-py takes a complaint as the end.
        await connection._client._send_command(b"NONSENSE\r\n")
        await connection._client._flush_pending()
        await nats_rig.until(lambda: len(gaps) == 1)
        bus.publish("typing", b"x")
        assert await heard.count(1) == [b"x"]


async def test_where_no_server_is_one_is_told_so_without_the_secret() -> None:
    [port] = lasting_ports("127.0.0.1", 1)
    with pytest.raises(NatsUnreachable) as told:
        await NatsConnection.open([f"nats://secret@127.0.0.1:{port}"], timeout_s=0.3)
    assert f"127.0.0.1:{port}" in str(told.value)
    assert "secret" not in str(told.value)
