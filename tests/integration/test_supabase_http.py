"""Broadcasts over HTTP by the calls that Supabase's clients have for it."""

import itertools
from collections.abc import Iterator

import pytest

from public_clients import BINARY_KINDS, KINDS, ClientProblem, PublicClients
from servers import ServerProcess

pytestmark = pytest.mark.slow

SENDING = ("realtime-js", "supabase-js", "realtime-py")
"""Those that have a call for it."""

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose sockets are mostly in another process than what answers HTTP."""
    with ServerProcess(tmp_path_factory.mktemp("server") / "data", "--workers", "2") as running:
        yield running


@pytest.fixture
def topic() -> str:
    return f"a/b:c ? {next(_numbers)}"


async def test_one_over_http_reaches_everybody_on_any_process(
    server: ServerProcess, clients: PublicClients, topic: str
) -> None:
    key, token = server.token("anon"), server.guest("Ana")["access_token"]
    room = {kind: await (await clients.make(kind, server.url, key)).join(topic) for kind in KINDS}
    for kind in SENDING:
        speaker = await (await clients.make(kind, server.url, token)).join(topic)
        assert (await speaker.http_send(f"ñ/{kind}", {"a": [1, None]}))["success"] is True
        for channel in (*room.values(), speaker):
            assert (await channel.broadcast(f"ñ/{kind}"))["payload"] == {"a": [1, None]}
    sent = bytes(range(256))
    assert (await room["realtime-js"].http_send("bytes", sent))["success"] is True
    for kind in BINARY_KINDS:
        assert (await room[kind].broadcast("bytes"))["payload"] == sent


async def test_a_private_topic_is_another_topic_and_a_key_alone_may_not_write_there(
    server: ServerProcess, clients: PublicClients, topic: str
) -> None:
    key, token = server.token("anon"), server.guest("Ana")["access_token"]
    for kind in SENDING:
        inside = await (await clients.make(kind, server.url, token)).join(topic, private=True)
        public = await (await clients.make(kind, server.url, key)).join(topic)
        stranger = await (await clients.make(kind, server.url, key)).begin_to_join(topic, private=True)
        await stranger.status("CHANNEL_ERROR")
        with pytest.raises(ClientProblem, match="Unauthorized"):
            await stranger.http_send("secret", {})
        assert (await inside.http_send("secret", {"n": 1}))["success"] is True
        assert (await inside.broadcast("secret"))["payload"] == {"n": 1}
        assert (await public.http_send("open", {}))["success"] is True
        await public.broadcast("open")
        assert not public.untaken("broadcast")


async def test_what_a_client_sends_before_it_joins_goes_as_a_batch(
    server: ServerProcess, clients: PublicClients, topic: str
) -> None:
    key = server.token("anon")
    listener = await (await clients.make("phoenix", server.url, key)).join(topic)
    for kind in ("realtime-js", "supabase-js"):
        speaker = await (await clients.make(kind, server.url, key)).join(topic)
        await speaker.unsubscribe()
        await speaker.status("CLOSED")
        assert await speaker.send("by http", {"kind": kind}) == "ok"
        assert (await listener.broadcast("by http"))["payload"] == {"kind": kind}
