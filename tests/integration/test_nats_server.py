"""A nats-server of our own: private, found again after a crash, never two on one store."""

import os
import stat
from pathlib import Path

import pytest

import nats_rig
from whatssound.adapters.nats import NatsConnection, NatsServer, NatsServerFailed, NatsUnreachable, ServerPlan


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


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(NatsServerFailed, match="Parse error"):
        NatsServer(ServerPlan(tmp_path, extra="nonsense: {")).start()
