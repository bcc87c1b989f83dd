"""A nats-server of our own: private, found again after a crash, never two on one store."""

import os
import stat
from pathlib import Path

import pytest

import nats_rig
from whatssound.adapters.nats import NatsConnection, NatsServer, NatsServerFailed, NatsUnreachable, ServerPlan
from whatssound.adapters.nats import server as nats_server
from whatssound.adapters.network import lasting_ports


def test_it_is_found_at_the_same_place_after_it_was_killed(tmp_path: Path) -> None:
    with nats_rig.one_server(tmp_path) as server:
        url, pid = server.url, server.pid
        server.kill()
        assert server.pid is None
        server.start()
        assert (server.url, server.pid != pid) == (url, True)


def test_one_that_an_earlier_life_left_running_is_ended_first(tmp_path: Path) -> None:
    plan = ServerPlan(tmp_path)
    abandoned, next_life = NatsServer(plan), NatsServer(plan)
    abandoned.start()
    next_life.start()
    assert abandoned.pid is None
    assert next_life.pid is not None
    next_life.stop()
    abandoned.stop()


def test_a_number_that_belongs_to_somebody_else_by_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "server.pid").write_text(str(os.getpid()))
    with nats_rig.one_server(tmp_path) as server:
        assert server.pid is not None


def test_nobody_else_reads_its_folder_or_secret(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    with nats_rig.one_server(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "server.conf").stat().st_mode) == 0o600


async def test_nobody_connects_without_the_token(tmp_path: Path) -> None:
    with nats_rig.one_server(tmp_path) as server:
        with pytest.raises(NatsUnreachable):
            await NatsConnection.open([server.url.replace(nats_rig.TOKEN, "guessed")], timeout_s=0.5)
        async with nats_rig.connected([server]) as connection:
            assert connection.is_connected


def test_no_outgoing_connection_takes_its_ports_between_two_of_its_starts(tmp_path: Path) -> None:
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    with nats_rig.one_server(tmp_path) as server:
        ports = [int(url.rpartition(":")[2]) for url in (server.url, server.monitor_url)]
    assert max(ports) < first_outgoing


def test_one_that_is_not_ready_in_time_says_more_than_that_it_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_server, "START_S", 0.5)
    mine, absent, absent_too = lasting_ports("127.0.0.1", 3)
    routes = [f"127.0.0.1:{port}" for port in (mine, absent, absent_too)]
    waiting = NatsServer(ServerPlan(tmp_path, cluster_port=mine, routes=routes))
    try:
        with pytest.raises(NatsServerFailed, match="Waiting for routing") as told:
            waiting.start()
    finally:
        waiting.stop()
    assert str(told.value).count("Healthcheck failed") == 1


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(NatsServerFailed, match="Parse error"):
        NatsServer(ServerPlan(tmp_path, extra="nonsense: {")).start()
