"""From an upgrade request to a socket, or to an HTTP answer that says why not."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import InvalidStatus

from gateway_server import BEATEN, HEARTBEAT, LIMITS, Doorkeeper, RawClient, closed_with, connected
from whatssound.gateway.framing import new_frame_parser


@pytest.fixture
def door() -> Doorkeeper:
    return Doorkeeper()


@pytest.fixture
async def port(door: Doorkeeper) -> AsyncIterator[int]:
    async with door.open() as port:
        yield port


async def test_the_pinned_picows_still_takes_its_fifteen_positions() -> None:
    """Breaks by name when picows changes its private constructor: then read its source before raising the pin."""
    protocol = new_frame_parser(lambda _: None, logging.getLogger("picows"), frame_bytes=1_000)
    assert {"connection_made", "connection_lost", "get_buffer", "buffer_updated"} <= set(dir(protocol))
    assert 1_000 < len(protocol.get_buffer(-1)) <= 2_048


@pytest.mark.parametrize("path", ["/socket/websocket", "/realtime/v1/websocket"])
async def test_both_paths_speak_phoenix(port: int, path: str) -> None:
    async with connected(port, path=path, query="vsn=2.0.0&apikey=good") as client:
        await client.send(HEARTBEAT)
        assert json.loads(await client.recv()) == BEATEN


async def test_http_is_answered_on_the_same_port(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /socket/websocket HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 404")
    writer.close()


async def test_a_client_without_vsn_speaks_version_one(port: int) -> None:
    async with connected(port, query="") as client:
        await client.send('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":null}')
        assert json.loads(await client.recv()) == {
            "ref": None,
            "topic": "phoenix",
            "event": "phx_reply",
            "payload": {"status": "ok", "response": {}},
        }


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/socket/websocket?token=bad", 401, "unauthorized"),
        ("/realtime/v1/websocket?vsn=2.0.0", 401, "unauthorized"),
        ("/somewhere/else", 404, "not_found"),
        ("/socket/websocket?vsn=3.0.0", 400, "invalid"),
        ("//[/socket/websocket", 400, "invalid"),
    ],
)
async def test_a_refused_upgrade_is_answered_in_json(port: int, target: str, status: int, code: str) -> None:
    async with await RawClient.open(port, target) as client:
        head = await client.head()
        body = json.loads(await client.rest())
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "content-type: application/json" in head
    assert body["code"] == code
    assert body["error"] == body["message"]


async def test_browsers_and_api_clients_may_bring_their_token_in_a_header(port: int, door: Doorkeeper) -> None:
    bearer = base64.urlsafe_b64encode(b"from-phoenix").decode().rstrip("=")
    async with connected(port, subprotocols=["phoenix", f"base64url.bearer.phx.{bearer}"]) as client:
        assert client.subprotocol == "phoenix"
    async with connected(port, query="apikey=query", additional_headers={"X-Api-Key": "header"}):
        pass
    assert door.tokens == ["from-phoenix", "header"]


@pytest.mark.parametrize("where", ["query", "header"])
async def test_a_handshake_of_sixteen_kilobytes_passes(port: int, where: str) -> None:
    long = "x" * 16 * 1024
    query = f"vsn=2.0.0&apikey={long}" if where == "query" else "vsn=2.0.0"
    headers = {"Cookie": long} if where == "header" else {}
    async with connected(port, query=query, additional_headers=headers) as client:
        await client.send(HEARTBEAT)
        assert json.loads(await client.recv()) == BEATEN


async def test_a_longer_handshake_than_allowed_is_answered_and_closed(port: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connected(port, query=f"token={'x' * 33_000}"):
            pass
    assert refused.value.response.status_code == 431


async def test_compression_is_not_agreed_to(port: int) -> None:
    async with connected(port, compression="deflate") as client:
        assert client.protocol.extensions == []


async def test_a_firefox_handshake_passes(port: int) -> None:
    async with await RawClient.open(port) as client:  # sends `Connection: keep-alive, Upgrade`
        assert (await client.head()).startswith("HTTP/1.1 101 ")


async def test_a_close_is_answered_and_the_socket_forgotten(port: int, door: Doorkeeper) -> None:
    async with connected(port) as client:
        await client.close(4321, "bye")
        assert client.close_code == 4321
    await door.empty()


async def test_a_client_that_vanishes_is_forgotten(port: int, door: Doorkeeper) -> None:
    async with await RawClient.open(port) as client:
        await client.head()
        assert len(door.sweep) == 1
    await door.empty()


async def test_a_silent_socket_is_closed_after_the_idle_timeout(port: int, door: Doorkeeper) -> None:
    async with connected(port) as client:
        await client.send(HEARTBEAT)
        await client.recv()
        for socket in door.sweep.all():
            socket.check(asyncio.get_running_loop().time() + LIMITS.idle_timeout_s + 1)
        assert await closed_with(client) == 1000
