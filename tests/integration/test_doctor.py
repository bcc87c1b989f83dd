"""`whatssound doctor` finds what is broken, says how to mend it, and leaves alone what works."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from proxies import free_port, nginx
from servers import ServerProcess
from whatssound.config import Config
from whatssound.doctor import data, machine, reach
from whatssound.doctor.finding import Finding
from whatssound.ids import first_id_at

pytestmark = pytest.mark.slow


def whatssound(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "whatssound", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def to_mend(findings: Iterator[Finding]) -> Finding:
    """The one thing that is broken."""
    (found,) = [finding for finding in findings if finding.state == "mend"]
    assert found.how, found
    return found


def states(findings: Iterator[Finding]) -> list[str]:
    return [finding.state for finding in findings]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A data folder that a server has used."""
    folder = tmp_path_factory.mktemp("used") / "data"
    with ServerProcess(folder) as server:
        server.guest("Ana")
    return Config(data=folder)


def test_a_fresh_computer_is_healthy(tmp_path: Path) -> None:
    ended = whatssound("doctor", "--data", tmp_path / "data", "--port", str(free_port()))
    lines = [line for line in ended.stdout.splitlines() if not line.startswith("      ")]
    broken = [line for line in lines if line.startswith("MEND") and "page is not built" not in line]
    assert not broken, ended.stdout
    assert "ok    Music is decoded and encoded (AAC)" in lines
    assert not (tmp_path / "data").exists()


def test_what_must_be_mended_shows_in_the_exit_status(tmp_path: Path) -> None:
    ended = whatssound("doctor", "--data", tmp_path / "data", "--library", tmp_path / "gone")
    assert ended.returncode == 1
    assert "MEND  The music folder" in ended.stdout


def test_a_used_folder_is_whole(used: Config) -> None:
    assert set(states(data.folder(used))) == {"ok"}
    assert states(data.databases(used)) == ["ok", "ok", "ok"]
    assert states(data.secret(used)) == ["ok"]


def test_an_encoder_without_memory_is_found(used: Config) -> None:
    poor = replace(used, encoder=replace(used.encoder, memory_bytes=40_000_000))
    assert "--encoder-memory-bytes" in to_mend(machine.encoders(poor)).how


def test_a_damaged_database_is_found(used: Config, tmp_path: Path) -> None:
    for name in ("whatssound.sqlite3", "messages.sqlite3"):
        (tmp_path / name).write_bytes((used.data / name).read_bytes())
    damaged = bytearray((tmp_path / "messages.sqlite3").read_bytes())
    damaged[200:4_000] = b"\x55" * 3_800
    (tmp_path / "messages.sqlite3").write_bytes(damaged)
    found = to_mend(data.databases(replace(used, data=tmp_path)))
    assert "messages" in found.what
    assert "whatssound restore" in found.how


def test_a_database_of_a_newer_version_is_found(used: Config, tmp_path: Path) -> None:
    changed(used, tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    assert "Upgrade" in to_mend(data.databases(replace(used, data=tmp_path))).how


def test_a_clock_that_was_turned_back_is_found(used: Config, tmp_path: Path) -> None:
    changed(used, tmp_path, f"UPDATE users SET id = {first_id_at(4_000_000_000_000)}")
    assert "behind" in to_mend(data.databases(replace(used, data=tmp_path))).what


def changed(used: Config, folder: Path, statement: str) -> None:
    """A copy of a used database with one thing different."""
    file = folder / "whatssound.sqlite3"
    file.write_bytes((used.data / file.name).read_bytes())
    with sqlite3.connect(file) as database:
        database.execute(statement)
    database.close()


def test_a_folder_that_is_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "--data" in to_mend(data.folder(Config(data=tmp_path / "data"))).how


def test_a_secret_that_others_can_read_is_found(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x" * 32)
    (tmp_path / "secret").chmod(0o644)
    assert "chmod 600" in to_mend(data.secret(Config(data=tmp_path))).how


def test_a_disk_that_the_cache_would_fill_is_noted(tmp_path: Path) -> None:
    assert states(data.disk(Config(data=tmp_path, cache_bytes=10**18))) == ["note"]


def test_another_program_on_the_port_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0.1)
        found = to_mend(reach.port(Config(data=tmp_path, port=taken.getsockname()[1])))
    assert "--port" in found.how


@dataclass(frozen=True)
class Proxied:
    """A running server and the address that a proxy should have."""

    server: ServerProcess
    port: int
    config: Config


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/music"
    folder = tmp_path_factory.mktemp("proxied") / "data"
    with ServerProcess(folder, "--public-url", url, "--trusted-proxy", "127.0.0.1") as server:
        yield Proxied(server, port, Config(data=folder, port=server.port, public_url=url))


def seen(proxied: Proxied, folder: Path, *without: str, upstream: int = 0) -> list[Finding]:
    """What doctor says through an nginx that lacks some settings."""
    to = upstream or proxied.server.port
    with nginx(folder / "nginx", "nginx-subpath.conf", port=proxied.port, upstream=to, without=without):
        return list(reach.public(proxied.config))


def test_the_shipped_example_is_healthy(proxied: Proxied, tmp_path: Path) -> None:
    found = seen(proxied, tmp_path)
    assert [finding.state for finding in found] == ["ok"] * 4, found
    assert states(reach.port(proxied.config)) == ["ok"]
    assert "running server" in next(data.folder(proxied.config)).what
    assert states(data.databases(proxied.config)) == ["ok", "ok", "ok"]


@pytest.mark.parametrize(
    ("without", "advice"),
    [
        ("proxy_set_header Upgrade", "proxy_set_header Upgrade $http_upgrade;"),
        ("proxy_set_header X-Forwarded-For", "proxy_set_header X-Forwarded-For"),
        ("client_max_body_size", "client_max_body_size"),
    ],
)
def test_a_line_that_nginx_lacks_is_named(proxied: Proxied, tmp_path: Path, without: str, advice: str) -> None:
    assert advice in to_mend(iter(seen(proxied, tmp_path, without))).how


def test_a_proxy_that_is_not_there_is_found(proxied: Proxied) -> None:
    assert "location /music/" in to_mend(reach.public(proxied.config)).how


def test_a_proxy_that_nobody_trusts_is_found(proxied: Proxied, tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--public-url", proxied.config.public_url or "") as server:
        untrusting = replace(proxied.config, data=tmp_path / "data", port=server.port)
        other = replace(proxied, config=untrusting)
        found = to_mend(iter(seen(other, tmp_path, upstream=server.port)))
    assert "--trusted-proxy 127.0.0.1" in found.how


def test_an_address_that_leads_to_somebody_else_is_found(proxied: Proxied, tmp_path: Path) -> None:
    arguments = ("--public-url", proxied.config.public_url or "", "--trusted-proxy", "127.0.0.1")
    with ServerProcess(tmp_path / "data", *arguments) as other:
        found = to_mend(iter(seen(proxied, tmp_path, upstream=other.port)))
    assert "another WhatsSound" in found.what


def test_a_server_that_does_not_run_is_not_looked_for_outside(used: Config) -> None:
    assert states(reach.public(replace(used, public_url="https://example.org/music"))) == ["note"]
