"""A reader that falls too far behind is closed with the advice to resume, and resumes without missing anything."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clients import SocketClient
from gateway_rig import opened
from gateway_server import RawClient
from whatssound.config import Limits
from whatssound.wire.hints import hint_ms

CLOSE = 0x88


def frames(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """First byte and payload of every whole frame; what was cut off at the end is no frame."""
    while len(stream) >= 2:
        start, size = 2, stream[1]
        if size == 126:
            start, size = 4, int.from_bytes(stream[2:4])
        elif size == 127:
            start, size = 10, int.from_bytes(stream[2:10])
        if len(stream) < start + size:
            return
        yield stream[0], stream[start : start + size]
        stream = stream[start + size :]


def logged(stream: bytes) -> list[dict[str, Any]]:
    """The payloads of the chat events."""
    found = [json.loads(payload) for first, payload in frames(stream) if first != CLOSE]
    return [payload for _, _, _, event, payload in found if event == "chat"]


async def test_what_a_slow_reader_read_and_what_it_resumes_with_is_everything(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=Limits(outbox_bytes=32 * 1024)) as rig:
        room, token = await rig.room(), rig.accounts.token_for(None)
        topic = f"room:{room.id}"
        async with await RawClient.open(rig.port) as slow:
            await slow.head()
            slow.send(json.dumps(["1", "1", topic, "phx_join", {"access_token": token}]).encode())
            await slow.reader.readexactly(2)
            sent = 0
            while rig.gateway.listeners(room.id):
                sent += 1
                record = b"chat\n" + json.dumps({"n": sent, "padding": "x" * 1_000}).encode()
                await rig.log.append(room.id, record, key=f"n:{sent}")
            stream = await slow.rest()
        # The join reply's head was read above, so its frame begins two bytes earlier.
        read = logged(stream[_rest_of_reply(stream) :])
        assert [payload["n"] for payload in read] == list(range(1, len(read) + 1))
        assert len(read) < sent
        closing = [payload for first, payload in frames(stream[_rest_of_reply(stream) :]) if first == CLOSE]
        for payload in closing:  # a frame that was half written leaves no room for one
            assert int.from_bytes(payload[:2]) == 4008
            assert hint_ms(payload[2:].decode()) is not None
        last = read[-1]
        async with SocketClient(rig.url, token) as again:
            after = {"epoch": rig.log.epoch, "seq": last["seq"], "key": last["key"]}
            reply = await again.join(topic, after=after)
        assert [payload["n"] for _, payload in reply["events"]] == list(range(len(read) + 1, sent + 1))


def _rest_of_reply(stream: bytes) -> int:
    """Where the frame after the join reply begins, in a stream whose first two bytes (of a long frame) are gone."""
    return 2 + int.from_bytes(stream[:2])
