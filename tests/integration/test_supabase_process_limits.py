"""Limits of one process as public clients meet them: with two, a server takes twice as much.

What is counted over a minute is used up once a server: those tests meet it with all kinds of clients at once.
"""

from collections.abc import Iterator

import pytest

from public_clients import KINDS, Channel, Client, ClientProblem, PublicClients
from servers import ServerProcess
from several import MOST_TRIES, figures, until

pytestmark = pytest.mark.slow

SENDING = ("realtime-js", "supabase-js", "realtime-py")
"""Those that have a call for HTTP."""
REASONING = ("phoenix", "phoenix v1", "realtime-py")
"""Those that tell a program the whole answer to a push."""
KEY = "sb_publishable_for_a_page"
MINUTE_S = 60
USERS = 2
JOINS = 5
"""Of one socket: each counts against its events, too."""

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module", params=[1, 2], ids=["alone", "2 workers"])
def workers(request: pytest.FixtureRequest) -> int:
    return request.param


def running(factory: pytest.TempPathFactory, workers: int, *limits: str) -> Iterator[ServerProcess]:
    """A server with these limits; each of its processes has them."""
    settings = ("--workers", str(workers), "--publishable-key", KEY, *limits)
    with ServerProcess(factory.mktemp("server") / "data", *settings) as server:
        yield server


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, workers: int) -> Iterator[ServerProcess]:
    """Each process takes two sockets, and 600 KB a minute."""
    limits = ("--realtime-users", str(USERS), "--realtime-bytes-per-second", "10000", "--frame-bytes", "5000000")
    yield from running(tmp_path_factory, workers, *limits)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, workers: int) -> Iterator[ServerProcess]:
    """Each process takes 60 joins a minute, and from one person 10 broadcasts over HTTP at once."""
    http = ("--realtime-socket-events-per-second", "1", "--realtime-socket-events-burst", "10")
    yield from running(tmp_path_factory, workers, "--realtime-joins-per-second", "1", *http)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, workers: int) -> Iterator[ServerProcess]:
    """Each process takes 60 events a minute."""
    yield from running(tmp_path_factory, workers, "--realtime-events-per-second", "1")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, workers: int) -> Iterator[ServerProcess]:
    """Each process takes 60 events a minute, and ends the channels that would hear more."""
    limits = ("--realtime-events-per-second", "1", "--realtime-close-when-over")
    yield from running(tmp_path_factory, workers, *limits)


def users(server: ServerProcess) -> dict[str, float]:
    return figures(server, "whatssound_realtime_users")


async def one_on_each(server: ServerProcess, clients: PublicClients, topic: str) -> dict[str, Client]:
    """A client of `phoenix` in each process, on `topic`."""
    found: dict[str, Client] = {}
    for _ in range(MOST_TRIES):
        before = users(server)
        client = await clients.make("phoenix", server.url, KEY)
        await client.join(topic)
        [process] = [name for name, count in users(server).items() if count > before[name]]
        if found.setdefault(process, client) is not client:
            await client.close()
            until(lambda before=before: users(server) == before, "it did not go")
        if len(found) == len(before):
            return found
    raise AssertionError(f"all sockets came to {set(found)}")


async def refusal(channel: Channel) -> str:
    """Why a join is refused."""
    return (await channel.status("CHANNEL_ERROR"))["error"]


async def made_for_http(client: Client, topic: str) -> Channel:
    """A channel, whether or not it may join."""
    channel = await client.begin_to_join(topic)
    await channel.take("status")
    return channel


@each_kind
async def test_one_socket_too_many_is_told_so_and_comes_in_when_others_have_left(
    small: ServerProcess, clients: PublicClients, topic: str, workers: int, kind: str
) -> None:
    until(lambda: not any(users(small).values()), "clients of another test are still there")
    text = "ConnectionRateLimitReached: Too many connected users"
    inside: list[tuple[Client, Channel]] = []
    while len(inside) < USERS * workers:
        filler = await clients.make("phoenix", small.url, KEY)
        channel = await filler.begin_to_join(topic, ack=True)
        told = await channel.take("status")
        if told["status"] == "SUBSCRIBED":
            inside.append((filler, channel))
        else:  # it came to a process that is full
            assert told["error"] == text
            await filler.close()
    assert set(users(small).values()) == {USERS}
    late = await clients.make(kind, small.url, KEY)
    assert text in await refusal(await late.begin_to_join(topic))
    for filler, channel in inside:
        assert await channel.send("still here") == "ok"
        await (await filler.join(f"{topic} too")).unsubscribe()
    for _, channel in inside:
        await channel.unsubscribe()
    assert await (await late.join(f"{topic} too", ack=True)).send("in at last") == "ok"


@each_kind
async def test_more_bytes_than_a_minute_takes_are_refused_and_cost_nothing(
    small: ServerProcess, clients: PublicClients, topic: str, kind: str
) -> None:
    until(lambda: not any(users(small).values()), "clients of another test are still there")
    speaker = await (await clients.make(kind, small.url, KEY)).join(topic, ack=True)
    large = {"text": "x" * 700_000}
    assert await speaker.send("large", large) == "error"
    if kind in REASONING:
        said = await speaker.push("broadcast", {"type": "broadcast", "event": "large", "payload": large})
        assert said["response"]["reason"] == "MessagePerSecondRateLimitReached: Too many bytes per second"
    if kind in SENDING:
        with pytest.raises(ClientProblem, match="Too many requests"):
            await speaker.http_send("large", large)
    assert await speaker.send("small") == "ok"
    assert not speaker.untaken("status")


async def test_joins_over_those_of_a_minute_are_refused_and_cost_the_socket_but_nobody_else(
    slow: ServerProcess, clients: PublicClients, topic: str
) -> None:
    each = await one_on_each(slow, clients, topic)
    inside = [await client.join(f"{topic} too", ack=True) for client in each.values()]
    await use_up_joins(slow, clients, topic)
    for kind in KINDS:
        late = await clients.make(kind, slow.url, KEY)
        text = "ClientJoinRateLimitReached: Too many joins per second"
        assert text in await refusal(await late.begin_to_join(topic))
        if kind.startswith("phoenix"):  # the others do not tell
            assert (await late.take("socket", lambda event: event["state"] == "closed"))["code"] == 1001
        await late.close()
    for channel in inside:
        assert await channel.send("still here") == "ok"
        assert not channel.untaken("status")


async def use_up_joins(server: ServerProcess, clients: PublicClients, topic: str) -> None:
    """Join until no process takes one more this minute."""
    while set(figures(server, "whatssound_realtime_joins_per_second").values()) != {1.0}:
        client = await clients.make("phoenix", server.url, KEY)
        for number in range(JOINS):
            channel = await client.begin_to_join(f"{topic} {number}")
            if (await channel.take("status"))["status"] != "SUBSCRIBED":
                await client.close()
                break


async def send_for_ever(channel: Channel) -> None:
    """Over HTTP, one after the other."""
    while True:
        await channel.http_send("many", {})


@pytest.mark.parametrize("kind", SENDING)
async def test_who_sends_too_much_over_http_is_told_so_and_others_may(
    slow: ServerProcess, clients: PublicClients, topic: str, kind: str
) -> None:
    ana, ben = (slow.guest(name)["access_token"] for name in ("Ana", "Ben"))
    channel = await made_for_http(await clients.make(kind, slow.url, ana), topic)
    with pytest.raises(ClientProblem, match="You have exceeded your rate limit"):
        await send_for_ever(channel)
    other = await made_for_http(await clients.make(kind, slow.url, ben), topic)
    assert (await other.http_send("one", {}))["success"] is True


async def test_events_over_those_of_a_minute_are_refused_and_nobody_is_sent_away(
    quiet: ServerProcess, clients: PublicClients, topic: str, workers: int
) -> None:
    room = {kind: await (await clients.make(kind, quiet.url, KEY)).join(f"{topic}, all", ack=True) for kind in KINDS}
    sent: list[int] = []
    for process, client in (await one_on_each(quiet, clients, topic)).items():
        alone = await client.join(f"{topic} of {process}", ack=True)
        sent.append(0)
        while await alone.send("many") == "ok":
            sent[-1] += 1
    assert sent == [MINUTE_S] * workers
    text = "MessagePerSecondRateLimitReached: Too many messages per second"
    for kind, channel in room.items():
        assert await channel.send("one more") == "error"
        if kind in REASONING:
            said = await channel.push("broadcast", {"type": "broadcast", "event": "one more", "payload": {}})
            assert (said["response"]["code"], said["response"]["reason"]) == ("rate_limited", text)
        if kind in SENDING:
            with pytest.raises(ClientProblem, match="Too many requests"):
                await channel.http_send("one more", {})
    assert not [channel.name for channel in room.values() if channel.untaken("status") + channel.untaken("broadcast")]


async def test_where_the_settings_say_so_those_who_would_hear_too_much_are_sent_away(
    strict: ServerProcess, clients: PublicClients, topic: str
) -> None:
    each = await one_on_each(strict, clients, f"{topic} too")
    speakers = [await client.join(topic, ack=True) for client in each.values()]
    room = [await (await clients.make(kind, strict.url, KEY)).join(topic) for kind in KINDS * 2]
    bystanders = [await (await clients.make(kind, strict.url, KEY)).join(f"{topic} too") for kind in KINDS]
    for speaker in speakers:
        while not speaker.untaken("system") and await speaker.send("many") == "ok":
            pass
    for channel in (*speakers, *room):
        assert await channel.ended() == "Too many messages per second"
    assert not [channel.name for channel in bystanders if channel.untaken("status")]
