"""Whether people reach the server: its port, and the way through the proxy that a listener goes."""

import base64
import errno
import http.client
import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from whatssound.accounts.tokens import AccessTokens
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.network import links_here
from whatssound.adapters.secret_file import open_secret
from whatssound.config import Config
from whatssound.doctor.data import is_used
from whatssound.doctor.finding import Finding, mend, note, ok
from whatssound.wire.bodies import ServerBody

PATIENCE_S: Final = 10.0

_UPGRADE: Final = """nginx: in the location that passes requests on,
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
deploy/nginx.conf is a whole example; Caddy needs nothing."""

_FORWARD: Final = """nginx: in the location that passes requests on,
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"""

_LARGE: Final = """nginx: in the location that passes requests on,
    client_max_body_size 1100m;
    proxy_request_buffering off;"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def asked(base: str, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET") -> Answer:
    """One request to `base` + `path`. Raises OSError, and http.client.HTTPException for what is no HTTP."""
    parts = urlsplit(base)
    with closing(_connection(parts)) as connection:
        connection.putrequest(method, parts.path.rstrip("/") + path)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = b"" if answer.status == 101 else answer.read(65_536)
        return Answer(answer.status, body, {name.lower(): value for name, value in answer.getheaders()})


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=PATIENCE_S, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, parts.port, timeout=PATIENCE_S)


def port(config: Config) -> Iterator[Finding]:
    """The port: free, or held by a WhatsSound."""
    if config.port == 0:
        return
    try:
        family = socket.getaddrinfo(config.listen, config.port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((config.listen, config.port))
    except OSError as problem:
        yield (
            _taken(config)
            if problem.errno == errno.EADDRINUSE
            else mend(
                f"{config.listen}:{config.port} cannot be listened on: {problem.strerror}.", "Choose --host and --port."
            )
        )
        return
    where = f"Port {config.port} is free"
    if is_used(config):
        yield note(
            f"{where}, but a server uses this data folder.", "It listens elsewhere: give doctor the same --port."
        )
    else:
        yield ok(where)


def _taken(config: Config) -> Finding:
    host = "127.0.0.1" if config.listen in ("0.0.0.0", "::") else config.listen
    about = _server(f"http://[{host}]:{config.port}" if ":" in host else f"http://{host}:{config.port}")
    if isinstance(about, ServerBody):
        return ok(f"WhatsSound {about.version} answers on port {config.port}")
    return mend(f"Another program uses port {config.port}.", "Stop it, or choose another port with --port.")


def _server(base: str) -> ServerBody | str:
    """What the server there says of itself, or why there is none."""
    try:
        answer = asked(base, "/v1/server")
        return msgspec.json.decode(answer.body, type=ServerBody) if answer.status == 200 else f"status {answer.status}"
    except msgspec.MsgspecError:
        return "something else answers there"
    except (OSError, http.client.HTTPException) as problem:
        return str(problem) or type(problem).__name__


def public(config: Config) -> Iterator[Finding]:
    """The way that listeners go, through the proxy."""
    if config.public_url is None:
        links = links_here(config)
        if links.reach == "this_computer":
            yield note(
                "Only this computer reaches the server.", "Start it with --lan, or behind a domain with --public-url."
            )
        else:
            yield ok(f"Links begin at {links.base}")
        return
    if not is_used(config):
        yield note(f"{config.public_url} was not tried: the server does not run.", "Start it, and ask doctor again.")
        return
    about = _server(config.public_url)
    if isinstance(about, str):
        yield mend(f"{config.public_url} does not lead to WhatsSound: {about}.", _way(config))
        return
    yield from _identity(config, config.public_url, about)
    yield from _socket(config.public_url)
    yield from _forwarded(config.public_url, about)
    yield from _upload(config, config.public_url)


def _way(config: Config) -> str:
    return (
        "Is the proxy started, does the name lead to it, and does it pass this path on?\n"
        f"nginx: location {config.public_path}/ {{ proxy_pass http://127.0.0.1:{config.port}; }}\n"
        "deploy/ has whole examples for nginx and Caddy."
    )


def _identity(config: Config, url: str, about: ServerBody) -> Iterator[Finding]:
    """A token of our secret is taken by our server alone."""
    key = open_secret(DataFolder(config.data).secret, jwt_secret=config.jwt_secret).derive("jwt")
    token = AccessTokens(key, now_ms=lambda: time.time() * 1_000).issue(None, "anon", ttl_s=60)
    status = asked(url, "/v1/rooms", {"Authorization": f"Bearer {token}"}).status
    if status == 401:
        yield mend(f"{url} leads to another WhatsSound, or one with another data folder.", _way(config))
    elif about.links_base != url:
        yield mend(
            f"The server at {url} makes links that begin at {about.links_base}.", f"Start it with --public-url {url}."
        )
    else:
        yield ok(f"{url} leads to this server")


def _socket(url: str) -> Iterator[Finding]:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
    }
    try:
        answer = asked(url, "/socket/websocket?vsn=2.0.0", headers)
        came = f"status {answer.status}"
    except (OSError, http.client.HTTPException) as problem:
        answer, came = Answer(0), str(problem)
    if answer.status == 101:
        yield ok("Sockets come through: chat and playback work")
    else:
        yield mend(f"Sockets do not come through ({came} instead of 101): nobody can chat or follow.", _UPGRADE)


def _forwarded(url: str, about: ServerBody) -> Iterator[Finding]:
    """Whether the server knows its listeners apart."""
    if about.you.forwarded == "believed":
        yield ok("Listeners are known by their own address")
    elif about.you.forwarded == "ignored":
        yield mend(
            f"The proxy at {about.you.address} is not trusted: all listeners share its address, and its limits.",
            f"Start the server with --trusted-proxy {about.you.address}.",
        )
    elif "server" in asked(url, "/healthz").headers:  # we never send one
        yield mend(
            "The proxy does not say whom it speaks for: all listeners share its address, and its limits.", _FORWARD
        )
    else:
        yield ok("Listeners come without a proxy")


def _upload(config: Config, url: str) -> Iterator[Finding]:
    """The head of an upload as large as may be; nothing of it is sent, and nobody is signed in."""
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(config.limits.upload_bytes)}
    try:
        status = asked(url, "/v1/tracks", headers, method="POST").status
    except TimeoutError:
        yield note("The proxy keeps uploads until they are whole, on its own disk.", _LARGE)
        return
    except (OSError, http.client.HTTPException) as problem:
        yield note(f"Whether uploads come through could not be told: {problem}.", _LARGE)
        return
    if status == 413:
        yield mend("The proxy refuses large uploads.", _LARGE)
    else:
        yield ok("Large uploads come through")
