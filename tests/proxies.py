"""Real proxies in front of a server, configured by the examples that are shipped."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from conftest import need
from servers import ServerProcess
from whatssound.adapters.network import lasting_ports

DEPLOY = Path(__file__).parents[1] / "deploy"

START_DEADLINE_S = 20

_NGINX = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def free_port() -> int:
    """A port that nobody uses now, nor takes before somebody listens on it."""
    return lasting_ports("127.0.0.1", 1)[0]


@contextmanager
def nginx(folder: Path, example: str, *, port: int, upstream: int, without: Sequence[str] = ()) -> Iterator[None]:
    """Debian's nginx with `deploy/<example>`, on loopback; `without` are settings that somebody forgot."""
    folder.mkdir()
    site = (DEPLOY / example).read_text()
    for shipped, ours in (("listen 80;", f"listen 127.0.0.1:{port};"), ("127.0.0.1:8000", f"127.0.0.1:{upstream}")):
        assert shipped in site
        site = site.replace(shipped, ours)
    for setting in without:
        site, found = re.subn(rf"^ *{re.escape(setting)} .*;\n", "", site, flags=re.MULTILINE)
        assert found == 1
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user))
    with _running(["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")], folder, port):
        yield


@contextmanager
def caddy(folder: Path, example: str, *, port: int, upstream: int) -> Iterator[None]:
    """Debian's Caddy with `deploy/<example>`, without certificates."""
    folder.mkdir()
    site = (DEPLOY / example).read_text().replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    site, found = re.subn(r"^[\w.]*example\.org \{", f"http://127.0.0.1:{port} {{", site, flags=re.MULTILINE)
    assert found == 1
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
    with _running(["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"], folder, port):
        yield


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    need("proxies", shutil.which(command[0]) is not None, f"install {command[0]} to test behind it")
    homes = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **homes})
        try:
            _wait(process, port, folder / "said")
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(process: subprocess.Popen[bytes], port: int, said: Path) -> None:
    end = time.monotonic() + START_DEADLINE_S
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)  # nothing tells when a proxy listens
        else:
            return
    raise AssertionError(f"the proxy did not start:\n{said.read_text()}")


@contextmanager
def behind(kind: str, folder: Path, *arguments: str, path: str = "/music") -> Iterator[ServerProcess]:
    """A server behind `kind` under `path`; its `url` is the proxy's."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    outside = f"http://127.0.0.1:{port}{path}"
    proxy, example = {"nginx": (nginx, "nginx"), "caddy": (caddy, "Caddyfile")}[kind]
    name = f"{example}{'-subpath' if path else ''}{'.conf' if kind == 'nginx' else ''}"
    settings = ("--public-url", outside, "--trusted-proxy", "127.0.0.1", *arguments)
    with (
        ServerProcess(folder / "data", *settings, outside=outside) as server,
        proxy(folder / kind, name, port=port, upstream=server.port),
    ):
        yield server
