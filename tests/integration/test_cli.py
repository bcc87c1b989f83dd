"""The command line: what goes wrong is one clear line, what goes right can be used by a script."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import ApiProblem, ServerProcess
from whatssound.adapters.nats import NatsServer

pytestmark = pytest.mark.slow


def whatssound(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "whatssound", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def refused(*arguments: str | Path) -> str:
    """The one line that a start which must fail says."""
    ended = whatssound(*arguments)
    assert ended.returncode == 1, ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith("whatssound: ")
    return line


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("cli") / "data") as running:
        yield running


def test_a_port_in_use_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused("serve", "--port", str(port), "--data", tmp_path / "data")
    assert f"Port {port} is in use" in line
    assert "--port" in line


def test_an_address_of_nobody_is_one_line(tmp_path: Path) -> None:
    assert "--host" in refused("serve", "--host", "203.0.113.7", "--port", "0", "--data", tmp_path / "data")


def test_a_port_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    ended = whatssound("serve", "--port", "70000", "--data", tmp_path / "data")
    assert ended.returncode != 0
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_log_level_of_nobody_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSSOUND_LOG", "loud")
    assert "WHATSSOUND_LOG" in refused("serve", "--port", "0", "--data", tmp_path / "data")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_policy_or_a_key_set_that_cannot_be_used_is_one_line(tmp_path: Path, workers: str) -> None:
    def said(*arguments: str) -> str:
        ended = whatssound("serve", "--port", "0", "--data", tmp_path / "data", "--workers", workers, *arguments)
        assert ended.returncode == 1
        return ended.stderr.splitlines()[-1]

    assert "its_rules" in said("--realtime-policy", "its_rules:may")
    assert "--jwks" in said("--jwks", str(tmp_path / "no-keys.json"))


def test_the_key_for_pages_stays_the_same_unless_the_settings_name_others(tmp_path: Path) -> None:
    own = whatssound("key", "--data", tmp_path / "data").stdout
    assert own == whatssound("key", "--data", tmp_path / "data").stdout
    assert own.startswith("sb_publishable_")
    others = ("--publishable-key", "sb_publishable_a", "--publishable-key", "sb_publishable_b")
    assert whatssound("key", "--data", tmp_path / "data", *others).stdout.split() == [others[1], others[3]]


def test_a_second_server_on_the_same_data_folder_is_refused(server: ServerProcess) -> None:
    line = refused("serve", "--port", "0", "--data", server.data)
    assert "Another WhatsSound" in line
    assert "--data" in line


def test_a_data_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert "--data" in refused("serve", "--port", "0", "--data", file)


def test_a_data_folder_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data):
        pass
    with sqlite3.connect(data / "whatssound.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    line = refused("serve", "--port", "0", "--data", data)
    assert "newer WhatsSound" in line
    assert "9999" in line


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data):
        pass
    (data / "secret").chmod(0o644)
    assert "chmod 600" in refused("serve", "--port", "0", "--data", data)


def test_a_library_folder_that_does_not_exist_does_not_stop_the_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--library", str(tmp_path / "nowhere")) as running:
        assert running.call("GET", "/healthz")


def test_a_wrong_limit_names_its_variable(tmp_path: Path) -> None:
    environment = {**os.environ, "WHATSSOUND_CHAT_ROOM_PER_S": "many"}
    command = [sys.executable, "-m", "whatssound", "serve", "--data", str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert ended.returncode == 1
    assert "WHATSSOUND_CHAT_ROOM_PER_S" in ended.stderr


def test_the_first_start_keeps_the_secret_to_its_owner(server: ServerProcess) -> None:
    assert (server.data / "secret").stat().st_mode & 0o777 == 0o600


def test_the_owner_link_works_once(server: ServerProcess) -> None:
    signed_in = server.call("POST", "/v1/auth/owner", {"code": server.owner_code})
    assert signed_in["user"]["role"] == "owner"
    with pytest.raises(ApiProblem) as again:
        server.call("POST", "/v1/auth/owner", {"code": server.owner_code})
    assert again.value.body["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("role", "status"),
    [("anon", 403), ("guest", 403), ("user", 403), ("invited", 200), ("owner", 200), ("service", 200)],
)
def test_a_token_by_hand_may_do_what_its_role_may(server: ServerProcess, role: str, status: int) -> None:
    name = f"hand {role}" if role in ("guest", "user", "invited") else None
    token = server.token(role, name)
    assert token.count(".") == 2
    try:
        server.call("GET", "/v1/tracks", token=token)
        answered = 200
    except ApiProblem as problem:
        answered = problem.status
    assert answered == status


def test_a_token_for_a_guest_needs_a_name(server: ServerProcess) -> None:
    assert "--name" in refused("token", "--role", "guest", "--data", server.data)


def test_no_token_reaches_the_log(server: ServerProcess) -> None:
    token = server.guest("log reader")["access_token"]
    with pytest.raises(ApiProblem):
        server.call("GET", f"/v1/nothing?apikey={token}", token=token)
    written = server.errors.read_text()
    assert token not in written


def test_ctrl_c_ends_the_server_cleanly(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    server.start()
    assert server.stop() == 0


def test_an_invitation_by_hand_lets_somebody_in(server: ServerProcess) -> None:
    made = whatssound("invite", "--uses", "1", "--port", str(server.port), "--data", server.data)
    assert made.returncode == 0, made.stderr
    link, _, code = made.stdout.strip().partition("/#invite=")
    assert link == f"http://127.0.0.1:{server.port}"
    wanted = {"name": "By hand", "password": "Moonlight Sonata", "invitation": code}
    assert server.call("POST", "/v1/auth/register", wanted)["user"]["role"] == "invited"


def test_a_password_by_hand_signs_its_owner_in_and_ends_what_was_open(server: ServerProcess) -> None:
    code = whatssound("invite", "--data", server.data).stdout.strip().rpartition("=")[2]
    wanted = {"name": "Forgetful", "password": "Moonlight Sonata", "invitation": code}
    before = server.call("POST", "/v1/auth/register", wanted)
    command = [sys.executable, "-m", "whatssound", "password", "forgetful", "--data", str(server.data)]
    set_by_hand = subprocess.run(
        command, input="Clair de lune\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert set_by_hand.returncode == 0, set_by_hand.stderr
    login = {"name": "Forgetful", "password": "Clair de lune"}
    assert server.call("POST", "/v1/auth/login", login)["user"]["id"] == before["user"]["id"]
    with pytest.raises(ApiProblem):
        server.call("POST", "/v1/auth/refresh", {"refresh_token": before["refresh_token"]})
    end_s = time.monotonic() + 30
    while is_signed_in(server, before["access_token"]):
        assert time.monotonic() < end_s, "the running server still believes the old access token"


def is_signed_in(server: ServerProcess, token: str) -> bool:
    try:
        server.call("GET", "/v1/me", token=token)
    except ApiProblem as problem:
        if problem.status != 401:
            raise
        return False
    return True


def test_a_password_for_nobody_is_an_error_of_one_line(server: ServerProcess) -> None:
    assert "nobody called" in refused("password", "Nobody at all", "--data", server.data)


def test_a_new_epoch_of_the_room_log_is_printed_and_nothing_else(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSSOUND_NATS", nats_server.url)
    monkeypatch.setenv("WHATSSOUND_LOG", "info")
    one, two = whatssound("log", "new-epoch"), whatssound("log", "new-epoch")
    assert (one.returncode, one.stderr) == (0, "")
    assert len(one.stdout.split()) == 1
    assert one.stdout != two.stdout


def test_a_room_log_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "private" in refused("log", "new-epoch")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("WHATSSOUND_NATS", f"nats://secret@127.0.0.1:{silent.getsockname()[1]}")
        line = refused("log", "new-epoch")
    assert "cannot be reached" in line
    assert "secret" not in line
