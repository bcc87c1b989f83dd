"""That a cut link is cut, and always healed: what faults of the network are made of."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import need
from faults.links import ADVICE, between_address_and_port, between_process_and_port, can_cut, cut, local_ports
from several import until

ELSEWHERE = "127.0.0.9"

CUTTER = """
import sys
from faults.links import between_address_and_port, cut
with cut(between_address_and_port(sys.argv[1], int(sys.argv[2]))):
    print("cut", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def firewall() -> None:
    need("nftables", can_cut(), ADVICE)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@contextlib.contextmanager
def connected(server: socket.socket, source: str = "127.0.0.1") -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's end and the server's."""
    with socket.create_connection(server.getsockname(), source_address=(source, 0)) as client:
        other, _ = server.accept()
        with other:
            yield client, other


def is_silent(end: socket.socket) -> bool:
    end.settimeout(0.3)
    try:
        end.recv(100)
    except TimeoutError:
        return True
    return False


def heard(end: socket.socket) -> bytes:
    end.settimeout(30)
    return end.recv(100)


def test_nothing_passes_a_cut_link_and_what_was_said_arrives_once_it_is_healed(server: socket.socket) -> None:
    with connected(server, ELSEWHERE) as (client, other):
        with cut(between_address_and_port(ELSEWHERE, server.getsockname()[1])):
            client.sendall(b"there")
            other.sendall(b"back")
            assert is_silent(client)
            assert is_silent(other)
        assert (heard(other), heard(client)) == (b"there", b"back")


def test_a_link_is_cut_for_all_but_those_who_are_spared(server: socket.socket) -> None:
    port = server.getsockname()[1]
    with connected(server) as (spared, its):
        ports = local_ports(os.getpid(), port)
        assert ports == {spared.getsockname()[1]}
        with connected(server) as (client, other), cut(between_process_and_port(port, ports)):
            for end in (client, other, spared):
                end.sendall(b"a word")
            assert heard(its) == b"a word"
            assert is_silent(other)
            assert is_silent(client)


def test_a_link_is_healed_also_when_whoever_cut_it_is_killed(server: socket.socket) -> None:
    arguments = [sys.executable, "-c", CUTTER, ELSEWHERE, str(server.getsockname()[1])]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    ) as cutter:
        assert cutter.stdout is not None
        assert cutter.stdout.readline() == b"cut\n"
        table = f"whatssound_cut_{cutter.pid}"
        assert table in tables()
        cutter.send_signal(signal.SIGKILL)
        until(lambda: table not in tables(), "the link stays cut")


def tables() -> str:
    return subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True).stdout
