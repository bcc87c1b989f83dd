"""HTTP as hostile clients speak it: endless, slow, broken, and no HTTP at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway_server import serving
from whatssound.http import connection
from whatssound.http.connection import HEAD_BYTES


async def _counts(_scope: Any, receive: Any, send: Any) -> None:
    """Answers with how many bytes the body had."""
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        size, more = size + len(event["body"]), event["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(str(size)))]})
    await send({"type": "http.response.body", "body": str(size).encode()})


class _NoUpgrade(asyncio.Protocol):
    def __init__(self, **_: object) -> None:
        pass


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(_NoUpgrade, _counts) as port:
        yield port


class Talk:
    """A client that sends what it likes."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Talk":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> tuple[int, Any]:
        """The next answer: its status and its JSON."""
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
            size = int(head.partition("content-length: ")[2].partition("\r")[0])
            return int(head.split()[1]), json.loads(await self.reader.readexactly(size))

    async def is_hung_up(self) -> bool:
        async with asyncio.timeout(20):
            return await self.reader.read() == b""


async def test_what_is_no_http_is_answered_in_the_one_shape(port: int) -> None:
    async with Talk(port) as talk:
        await talk.say(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        status, body = await talk.hear()
        assert (status, sorted(body), body["code"]) == (400, ["code", "message"], "invalid")
        assert await talk.is_hung_up()


@pytest.mark.parametrize("endless", [b"x" * 1_024, b"a: b\r\n" * 100], ids=["one header", "many headers"])
async def test_an_endless_head_is_cut_off(port: int, endless: bytes) -> None:
    async with Talk(port) as talk:
        await talk.say(b"GET / HTTP/1.1\r\nx: ")
        with pytest.raises((ConnectionError, asyncio.TimeoutError)):  # noqa: PT012
            async with asyncio.timeout(20):
                while True:
                    await talk.say(endless)
                    if talk.reader.at_eof():
                        raise ConnectionError


async def test_a_head_over_the_limit_is_answered(port: int) -> None:
    async with Talk(port) as talk:
        await talk.say(b"GET /?" + b"x" * (HEAD_BYTES + 1))
        status, body = await talk.hear()
        assert (status, body["code"]) == (431, "too_large")


async def test_a_body_does_not_count_as_a_head(port: int) -> None:
    async with Talk(port) as talk:
        for _ in range(2):
            size = 3 * HEAD_BYTES
            await talk.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
            assert await talk.hear() == (200, size)


@pytest.mark.parametrize(
    "part",
    [b"", b"GET / HTTP/1.1\r\nx: ", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx"],
    ids=["nothing", "half a head", "half a body"],
)
async def test_who_does_not_go_on_is_hung_up_on(port: int, part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.01)
    monkeypatch.setattr(connection, "BODY_IDLE_S", 0.01)
    async with Talk(port) as talk:
        await talk.say(part)
        assert await talk.is_hung_up()


async def test_blank_lines_do_not_keep_a_connection_for_ever(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Talk(port) as talk:
        await talk.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx")
        assert await talk.hear() == (200, 1)
        monkeypatch.setattr(connection, "HEAD_S", 0.01)
        await talk.say(b"\r\n")
        assert await talk.is_hung_up()


async def test_an_idle_connection_is_kept_as_long_as_uvicorn_keeps_it(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BODY_IDLE_S", 0.01)
    async with Talk(port) as talk:
        for size in (1, 2):
            await talk.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
            assert await talk.hear() == (200, size)
