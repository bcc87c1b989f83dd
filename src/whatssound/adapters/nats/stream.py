"""The stream that keeps every room's events, and the name of its present life."""

import secrets
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import structlog

from whatssound.adapters.nats.connection import NatsConnection
from whatssound.adapters.nats.replies import NoResponder, NotConnected
from whatssound.bus.log import LogUnavailable

API_TIMEOUT_S: Final = 5.0
_NANOSECONDS: Final = 1_000_000_000
_NOT_FOUND: Final = 10059
_NAME_IN_USE: Final = 10058
_NO_PEERS: Final = 10005
_NO_CLUSTER: Final = 10074
_TOO_MANY: Final = frozenset({_NO_PEERS, _NO_CLUSTER})

MANY: Final = 3
"""Copies of each event in a cluster: one server of three may be lost."""

_log = structlog.get_logger("whatssound.log")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How much the room log keeps, and how often. Whoever creates the stream decides."""

    name: str = "whatssound"
    """The stream's name and the first token of every subject: keeps installations on one NATS apart."""
    replicas: int | None = None
    """Copies of every event. None is 3 where the cluster can keep so many, so that no acknowledged event is lost with
    one of its servers; otherwise 1."""
    max_events: int = 10_000
    """Kept per room; the promise of resume is 10 minutes or this, whichever is shorter."""
    max_age_s: float = 24 * 3_600
    max_bytes: int = 1024 * 1024 * 1024
    """Kept for all rooms together; the oldest events make way, whosever they are."""
    duplicate_window_s: float = 600
    """For so long a repeated append is recognised; NATS's own default is 2 minutes."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the stream's leader said of it."""

    epoch: str
    replicas: int
    rooms: int
    events: int
    bytes: int
    max_bytes: int
    last_seq: int


class _ApiError(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Config(msgspec.Struct):
    subjects: list[str] = []
    max_bytes: int = 0
    num_replicas: int = 1


class _State(msgspec.Struct):
    messages: int = 0
    bytes: int = 0
    last_seq: int = 0
    num_subjects: int = 0


class _StreamAnswer(msgspec.Struct):
    config: _Config | None = None
    state: _State | None = None
    error: _ApiError | None = None


class StreamMissing(Exception):
    """There is no such stream."""


def room_subject(name: str, epoch: str, room: int) -> str:
    """Where a room's events are appended."""
    return f"{name}.room.{epoch}.{room}"


def live_subject(name: str, epoch: str, room: int) -> str:
    """Where a room's events are heard once they are stored."""
    return f"{name}.live.{epoch}.{room}"


async def stream_state(connection: NatsConnection, settings: LogSettings) -> StreamState:
    """What the stream holds and which life of it this is. Raises StreamMissing, LogUnavailable."""
    answer = await _api(connection, f"STREAM.INFO.{settings.name}", {})
    if answer.error is not None and answer.error.err_code == _NOT_FOUND:
        raise StreamMissing(settings.name)
    return _state_of(answer)


async def open_stream(connection: NatsConnection, settings: LogSettings) -> StreamState:
    """The stream as it is, or a new one with a new epoch; whoever comes first creates it. Raises LogUnavailable."""
    try:
        return await stream_state(connection, settings)
    except StreamMissing:
        pass
    created = await _made(connection, "CREATE", settings, otherwise=1)
    if created.error is not None and created.error.err_code == _NAME_IN_USE:
        return await stream_state(connection, settings)
    return _state_of(created)


async def begin_epoch(connection: NatsConnection, settings: LogSettings, *, instead_of: str | None = None) -> str:
    """Begin a new life of the log and return its name: every position of the old one is answered with Reset.

    For whoever starts a private server, and after a restore. The epoch is a part of the stream's one subject, so
    from this moment the server itself refuses appends to the old one. With `instead_of` nothing happens unless that
    is still the epoch: whoever finds out second follows the first. Raises LogUnavailable.
    """
    present = await open_stream(connection, settings)
    if instead_of is not None and present.epoch != instead_of:
        return present.epoch
    updated = _state_of(await _made(connection, "UPDATE", settings, otherwise=present.replicas))
    # They could not be reached any more and would only take room from the others.
    await _api(connection, f"STREAM.PURGE.{settings.name}", {"filter": f"{settings.name}.room.{present.epoch}.*"})
    return updated.epoch


async def _made(
    connection: NatsConnection, how: Literal["CREATE", "UPDATE"], settings: LogSettings, *, otherwise: int
) -> _StreamAnswer:
    """The stream, made or changed, of a new epoch; with `otherwise` copies where three cannot be kept."""
    name, epoch = settings.name, _new_epoch()
    answer = await _api(connection, f"STREAM.{how}.{name}", _config(settings, epoch, settings.replicas or MANY))
    if settings.replicas is not None or answer.error is None or answer.error.err_code not in _TOO_MANY:
        return answer
    if answer.error.err_code != _NO_CLUSTER:
        _log.warning("the NATS cluster cannot keep three copies of the room log", copies=otherwise)
    return await _api(connection, f"STREAM.{how}.{name}", _config(settings, epoch, otherwise))


async def _api(connection: NatsConnection, what: str, body: dict[str, Any]) -> _StreamAnswer:
    try:
        reply = await connection.request(f"$JS.API.{what}", msgspec.json.encode(body), timeout_s=API_TIMEOUT_S)
        return msgspec.json.decode(reply.data, type=_StreamAnswer)
    except (NotConnected, NoResponder, TimeoutError, msgspec.MsgspecError) as problem:
        raise LogUnavailable(f"JetStream does not answer: {problem!r}") from problem


def _state_of(answer: _StreamAnswer) -> StreamState:
    if answer.error is not None or answer.config is None or answer.state is None:
        said = answer.error.description if answer.error is not None else "an answer that is not understood"
        raise LogUnavailable(f"JetStream says: {said}")
    return StreamState(
        epoch=answer.config.subjects[0].split(".")[-2],
        replicas=answer.config.num_replicas,
        rooms=answer.state.num_subjects,
        events=answer.state.messages,
        bytes=answer.state.bytes,
        max_bytes=answer.config.max_bytes,
        last_seq=answer.state.last_seq,
    )


def _config(settings: LogSettings, epoch: str, replicas: int) -> dict[str, Any]:
    name = settings.name
    return {
        "name": name,
        "description": "WhatsSound: the events of every room",
        "subjects": [f"{name}.room.{epoch}.*"],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": replicas,
        "max_msgs_per_subject": settings.max_events,
        "max_age": int(settings.max_age_s * _NANOSECONDS),
        "max_bytes": settings.max_bytes,
        "duplicate_window": int(min(settings.duplicate_window_s, settings.max_age_s) * _NANOSECONDS),
        "allow_direct": True,
        "republish": {"src": f"{name}.room.>", "dest": f"{name}.live.>"},
    }


def _new_epoch() -> str:
    return secrets.token_hex(8)
