"""Settings come from the command line, the environment and a file, in this order; mistakes are one clear line."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from http_rig import Rig, opened
from servers import ServerProcess
from whatssound.config.values import OUR_PATHS


def said(*arguments: str | Path, here: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`whatssound config` with these settings and no others."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WHATSSOUND_")}
    command = [sys.executable, "-m", "whatssound", "config", *map(str, arguments)]
    home = {"XDG_DATA_HOME": str(here / "home")}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=here, env={**clean, **home, **environment}
    )


def origins(*arguments: str | Path, here: Path, **environment: str) -> dict[str, tuple[str, str]]:
    """Value and origin of each setting."""
    ended = said(*arguments, here=here, **environment)
    assert ended.returncode == 0, ended.stderr
    lines = [line.rpartition("  # ") for line in ended.stdout.splitlines()]
    return {line.partition(" =")[0]: (line.partition("= ")[2].strip(), origin) for line, _, origin in lines}


def test_the_command_line_goes_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('port = 1\ncache-size = "1GB"\nquota = "5 GB"\nlibrary = ["/a", "/b"]\nlan = true\n')
    found = origins("--config", file, "--port", "3", here=tmp_path, WHATSSOUND_PORT="2", WHATSSOUND_CACHE_SIZE="30GB")
    assert found["port"] == ("3", "command line")
    assert found["cache-size"] == ('"30GB"', "WHATSSOUND_CACHE_SIZE")
    assert found["quota"] == ('"5GB"', str(file))
    assert found["library"] == ('["/a", "/b"]', str(file))
    assert found["lan"] == ("true", str(file))
    assert found["host"] == ('"127.0.0.1"', "default")


def test_a_file_is_found_in_the_data_folder_and_else_here(tmp_path: Path) -> None:
    (tmp_path / "whatssound.toml").write_text("port = 1")
    assert origins(here=tmp_path)["port"][0] == "1"
    data = tmp_path / "data"
    data.mkdir()
    (data / "whatssound.toml").write_text("port = 2")
    assert origins("--data", data, here=tmp_path)["port"][0] == "2"
    assert origins(here=tmp_path, WHATSSOUND_DATA=str(data))["port"][0] == "2"


def test_what_is_printed_is_a_file_that_means_the_same(tmp_path: Path) -> None:
    first = said("--library", tmp_path, "--trusted-proxy", "10.0.0.0/8", "--upload-bytes", "2GiB", here=tmp_path)
    assert tomllib.loads(first.stdout)["upload-bytes"] == "2GiB"
    (tmp_path / "whatssound.toml").write_text(first.stdout)
    again = said(here=tmp_path)
    assert tomllib.loads(again.stdout) == tomllib.loads(first.stdout)


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    ended = said(here=tmp_path, WHATSSOUND_JWT_SECRET="x" * 40)
    assert "x" * 40 not in ended.stdout + ended.stderr
    assert "# jwt-secret = (hidden)" in ended.stdout


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("prt = 1", ("prt", "whatssound config")),
        ('port = "many"', ("[port]", "0 to 65,535")),
        ("port = true", ("[port]", "0 to 65,535")),
        ('cache-size = "lots"', ("[cache-size]", "20GB")),
        ('may-upload = "everybody"', ("[may-upload]", "anyone")),
        ('public-url = "example.org"', ("[public-url]", "https://example.org")),
        ('trusted-proxy = ["nginx"]', ("[trusted-proxy]", "10.0.0.0/8")),
        ("[limits]\nframe-bytes = 1", ("limits", "frame-bytes")),
        ("port =\nlan = true", ("TOML", "line 1")),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_file_key_and_advice(
    tmp_path: Path, text: str, needed: tuple[str, ...]
) -> None:
    file = tmp_path / "whatssound.toml"
    file.write_text(text)
    ended = said(here=tmp_path)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    for part in (file.name, *needed):
        assert part in line


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ended = said("--config", tmp_path / "nowhere.toml", here=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "nowhere.toml" in ended.stderr


def test_a_server_takes_its_settings_from_a_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "whatssound.toml").write_text('public-url = "https://example.org/music"\nmay-upload = "anyone"\n')
    with ServerProcess(data) as running:
        about = running.call("GET", "/v1/server")
    assert (about["links_base"], about["may_upload"], about["reach"]) == (
        "https://example.org/music",
        "anyone",
        "public",
    )


async def test_no_address_of_ours_can_be_taken_for_a_public_path(tmp_path: Path) -> None:
    rig: Rig
    async with opened(tmp_path) as rig:
        first = {route.path.strip("/").partition("/")[0] for route in rig.app.routes}
    assert first - {""} <= OUR_PATHS
