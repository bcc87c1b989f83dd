"""`serve --workers 3`: one port, and for people no difference."""

import asyncio
import http.client
import json
import re
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clients import SocketClient
from music import make_wav
from servers import ServerProcess
from several import PROCESSES, WORKERS, alive, children, descendants, figures, one_on_each, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("several") / "data", *WORKERS) as running:
        yield running


def connection(server: ServerProcess) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)


def test_every_connection_answers_http_whichever_process_takes_it(server: ServerProcess) -> None:
    before = figures(server, "whatssound_connections_accepted")
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: fetched(server.url), range(200)))
    after = figures(server, "whatssound_connections_accepted")
    assert len(set(pages)) == 1
    assert b"<html" in pages[0]
    assert all(after[process] - before[process] > 20 for process in PROCESSES), (before, after)


def test_a_connection_is_kept_for_more_requests(server: ServerProcess) -> None:
    for _ in range(10):
        kept = connection(server)
        kept.request("GET", "/healthz")
        assert json.load(kept.getresponse()) == {"status": "ok"}
        mine = kept.sock.getsockname()
        kept.request("POST", "/v1/auth/guest", json.dumps({"name": "Ana"}), {"Content-Type": "application/json"})
        assert "access_token" in json.load(kept.getresponse())
        assert kept.sock.getsockname() == mine
        kept.close()


def test_an_upgrade_on_a_kept_connection_is_answered(server: ServerProcess) -> None:
    for _ in range(10):
        kept = connection(server)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        kept.request("GET", "/socket/websocket?vsn=2.0.0", headers=UPGRADE)
        assert kept.getresponse().status == 101
        kept.close()


UPGRADE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_a_head_that_comes_in_pieces_is_understood(server: ServerProcess) -> None:
    head = "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: test\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items()) + "\r\n"
    for request, wanted in ((head, b"101"), ("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n", b"200")):
        for _ in range(6):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for part in re.findall(r"(?s).{1,40}", request):
                    client.sendall(part.encode())
                assert client.recv(12) == b"HTTP/1.1 " + wanted


def test_who_says_nothing_holds_up_nobody(server: ServerProcess) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    half = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]
    for client in half:
        client.sendall(b"GET /socket/websocket HTTP/1.1\r\nHo")
    until(lambda: sum(figures(server, "whatssound_connections_peeked_waiting").values()) > 40, "nobody waits")
    assert server.call("GET", "/healthz") == {"status": "ok"}
    for client in (*silent, *half):
        client.close()
    until(lambda: not any(figures(server, "whatssound_connections_peeked_waiting").values()), "those who left are kept")


def test_an_upload_arrives_whole_and_is_heard_in_ranges(server: ServerProcess, tmp_path: Path) -> None:
    song = make_wav(tmp_path / "song.wav", seconds=20, pitch_hz=440).read_bytes()
    owner = server.token("owner")
    form = b"--x\r\nContent-Disposition: form-data; name=file; filename=song.wav\r\n\r\n" + song + b"\r\n--x--\r\n"
    headers = {"Authorization": f"Bearer {owner}", "Content-Type": "multipart/form-data; boundary=x"}
    uploads = [
        json.loads(fetched(urllib.request.Request(f"{server.url}/v1/tracks", form, headers)))["id"] for _ in range(6)
    ]
    until(lambda: track(server, owner, uploads[-1])["status"] == "ready", "it is not encoded")
    assert track(server, owner, uploads[-1])["duration_ms"] == 20_000
    master = f"{server.url}{track(server, owner, uploads[-1])['hls']}"
    media = urllib.parse.urljoin(master, lines(fetched(master))[0])
    segment = urllib.parse.urljoin(media, lines(fetched(media))[0])
    whole = fetched(segment)
    for first in range(0, len(whole), len(whole) // 12):
        asked = urllib.request.Request(segment, headers={"Range": f"bytes={first}-{first + 99}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.status == 206
            assert answer.read() == whole[first : first + 100]


def track(server: ServerProcess, token: str, id: str) -> dict[str, Any]:
    return server.call("GET", f"/v1/tracks/{id}", token=token)


def fetched(asked: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return answer.read()


def lines(playlist: bytes) -> list[str]:
    return [line for line in playlist.decode().splitlines() if line and not line.startswith("#")]


async def test_sockets_are_spread_and_those_of_different_processes_talk(server: ServerProcess) -> None:
    owner = server.token("owner")
    room = server.call("POST", "/v1/rooms", {"title": "Together"}, token=owner)["room"]["id"]
    tokens = {process: server.guest(process)["access_token"] for process in PROCESSES}
    async with one_on_each(server, tokens) as clients:
        for client in clients.values():
            await client.join(f"room:{room}")
        for client in clients.values():
            await client.event("listeners", where=lambda payload: payload["count"] == 3)
        assert server.call("GET", f"/v1/rooms/{room}", token=owner)["listeners"] == 3
        for process, client in clients.items():
            await client.push(f"room:{room}", "chat:send", text=f"from {process}", nonce=process)
        heard = {
            process: [await client.event("chat", where=lambda p, of=of: p["nonce"] == of) for of in PROCESSES]
            for process, client in clients.items()
        }
    assert heard["owner"] == heard["gateway-1"] == heard["gateway-2"]


async def test_a_ban_reaches_a_socket_of_another_process(server: ServerProcess) -> None:
    owner = server.token("owner")
    room = server.call("POST", "/v1/rooms", {"title": "Strict"}, token=owner)["room"]["id"]
    guests = {process: server.guest(process) for process in PROCESSES}
    async with one_on_each(server, {process: guest["access_token"] for process, guest in guests.items()}) as clients:
        for client in clients.values():
            await client.join(f"room:{room}")
        async with SocketClient(server.url, owner) as dj:
            await dj.join(f"room:{room}")
            await dj.push(f"room:{room}", "member:ban", user_id=guests["gateway-1"]["user"]["id"])
            await clients["gateway-1"].event("phx_close")


def test_it_says_once_where_it_is_and_is_ready_then(server: ServerProcess) -> None:
    assert server.said.splitlines()[-1] == f"WhatsSound is ready: http://127.0.0.1:{server.port}"
    assert server.said.count("You are the DJ") == 1
    assert server.call("GET", "/readyz") == {"status": "ready"}
    assert figures(server, "whatssound_process_answers") == dict.fromkeys(PROCESSES, 1.0)


def test_every_process_shows_how_its_sockets_fare(server: ServerProcess) -> None:
    for figure in ("admission_people", "joins_looked_up", "flushing_flushes", "checks_done"):
        assert set(figures(server, f"whatssound_{figure}")) == set(PROCESSES), figure


def test_no_secret_stands_on_a_command_line(server: ServerProcess) -> None:
    for pid in (server.pid, *children(server.pid)):
        assert b"nats://" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_second_server_is_refused_by_its_port_or_its_folder(server: ServerProcess, tmp_path: Path) -> None:
    for port, data, word in ((server.port, tmp_path / "other", "--port"), (0, server.data, "Another WhatsSound")):
        for workers in ("1", "2"):
            command = [sys.executable, "-m", "whatssound", "serve", "--workers", workers]
            ended = ran(*command, "--port", str(port), "--data", str(data))
            assert ended.returncode == 1
            assert word in ended.stderr
            assert len(ended.stderr.splitlines()) == 1


def ran(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_keeps_the_owner_process_from_starting_is_said_in_one_line(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data"):
        pass
    (tmp_path / "data" / "whatssound.sqlite3").write_bytes(b"no database" * 1000)
    command = [sys.executable, "-m", "whatssound", "serve", "--workers", "3", "--port", "0"]
    ended = ran(*command, "--data", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("whatssound: ")


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
async def test_a_stop_tells_every_socket_to_come_back_and_leaves_nothing(tmp_path: Path, number: str) -> None:
    with ServerProcess(tmp_path / "data", *WORKERS) as server:
        room = server.call("POST", "/v1/rooms", {"title": "Over"}, token=server.token("owner"))["room"]["id"]
        tokens = {process: server.guest(process)["access_token"] for process in PROCESSES}
        async with one_on_each(server, tokens) as clients:
            for client in clients.values():
                await client.join(f"room:{room}")
            family = [server.pid, *descendants(server.pid).values()]
            assert len(family) == 5
            ended = await asyncio.to_thread(server.stop, number)
            for client in clients.values():
                await client.lost()
                assert client.closed_with is not None
                assert client.closed_with[0] == 1012
        assert ended == 0
        assert not any(alive(pid) for pid in family)
    assert "Traceback" not in server.errors.read_text()
