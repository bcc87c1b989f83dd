"""Whose a connection is, when a process is started again, and what settings say about processes."""

import pytest

from whatssound.config import values
from whatssound.gateway.handshake import PATHS
from whatssound.serving.backoff import MOST_S, wait_s
from whatssound.serving.peeking import Upgrades

UPGRADE = b"\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
upgrades = Upgrades(PATHS, "/music")


@pytest.mark.parametrize(
    "line",
    [
        b"GET /socket/websocket HTTP/1.1",
        b"GET /socket/websocket?vsn=2.0.0&token=x HTTP/1.1",
        b"GET /realtime/v1/websocket?apikey=x HTTP/1.1",
        b"GET /music/socket/websocket?vsn=2.0.0 HTTP/1.1",
    ],
)
def test_an_upgrade_to_a_socket_stays_and_is_not_known_before_its_head_is_whole(line: bytes) -> None:
    head = line + UPGRADE
    assert upgrades.has(head) is True
    assert all(upgrades.has(head[:size]) is None for size in range(len(head)))


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1" + UPGRADE,
        b"GET /socket HTTP/1.1" + UPGRADE,
        b"GET /socket/websockets HTTP/1.1" + UPGRADE,
        b"POST /socket/websocket HTTP/1.1" + UPGRADE,
        b"GET /other/socket/websocket HTTP/1.1" + UPGRADE,
        b"GET /socket/websocket HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /socket/websocket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        b"GET /socket/websocket HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"\x16\x03\x01",
    ],
)
def test_everything_else_goes_to_the_owner(head: bytes) -> None:
    assert upgrades.has(head) is False


def test_other_requests_are_told_by_their_first_bytes() -> None:
    assert upgrades.has(b"P") is False
    assert upgrades.has(b"GET /v") is False


def test_what_follows_a_head_does_not_make_it_an_upgrade() -> None:
    assert upgrades.has(b"GET /socket/websocket HTTP/1.1\r\nHost: x\r\n\r\nx" + UPGRADE) is False


def test_a_process_is_started_again_at_once_and_then_ever_later() -> None:
    assert [wait_s(ends) for ends in range(1, 7)] == [0, 0.25, 0.5, 1, 2, 4]
    assert wait_s(1_000) == MOST_S


def test_workers_are_a_number_or_auto() -> None:
    assert values.workers("4") == 4
    assert values.workers(" AUTO ") == "auto"
    for wrong in ("0", "-1", "65", "many", "1.5", ""):
        with pytest.raises(ValueError, match="auto"):
            values.workers(wrong)


def test_addresses_of_nats_are_checked_and_a_password_is_not_repeated() -> None:
    assert values.nats(("nats://a:4222, tls://b", "nats://u:p@c")) == ("nats://a:4222", "tls://b", "nats://u:p@c")
    for wrong in ("127.0.0.1:4222", "http://x:secret@y", "nats://"):
        with pytest.raises(ValueError, match="nats://") as refused:
            values.nats((wrong,))
        assert "secret" not in str(refused.value)
