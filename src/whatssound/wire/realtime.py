"""What Supabase's clients and we say to each other on `realtime:<name>` topics. Pure; nothing here is kept.

Read leniently, as the original does: a join with nonsense in it is joined with what could be understood.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeGuard, cast

import msgspec

from whatssound.wire.phoenix import MAX_NAME_BYTES, Json

PREFIX: Final = "realtime:"

MAX_TOPIC_BYTES: Final = MAX_NAME_BYTES - len(PREFIX)
"""Binary frames count the bytes of a whole topic in one byte."""

MAX_REPLAY: Final = 25
"""Messages that one join may have replayed (Supabase's limit)."""

MAX_TTL_S: Final = 1e9
"""What is asked for beyond that, 31 years, is taken for it."""

_encode: Final = msgspec.json.Encoder().encode
_Raws = dict[str, msgspec.Raw]


class Replay(NamedTuple):
    """Show what was kept since a moment, Unix ms, at most `limit` messages."""

    since_ms: int
    limit: int = MAX_REPLAY


@dataclass(frozen=True, slots=True)
class JoinConfig:
    """What a `phx_join` asks for."""

    private: bool = False
    ack: bool = False
    """Answer broadcasts once they are on their way."""
    to_self: bool = False
    """Deliver a broadcast to its sender too."""
    replay: Replay | Literal["invalid"] | None = None
    presence_key: str = ""
    """"" asks for one of ours."""
    presence: bool = True
    """Whether it hears of presence; that is so where nothing else is said, as in the original."""
    postgres_changes: tuple[Json, ...] | None = None
    """What the client asked for, item by item; None when it does not know of such a thing: it is no Supabase client."""
    token: str | None = None


class UserBroadcast(NamedTuple):
    """A broadcast in a text frame."""

    event: str
    payload: Json


class Persist(NamedTuple):
    """Keep the broadcast for replay, for so long, or as long as is usual."""

    ttl_ms: int | None = None


class PresenceCommand(NamedTuple):
    """`track` or `untrack`, or what else was asked, in lower case. `payload` is JSON."""

    event: str
    payload: Json


def read_join(payload: Json) -> JoinConfig:
    """What `payload` asks for; whatever cannot be understood is left out. Never raises."""
    said = _object(payload)
    config = _object(said.get("config"))
    broadcast, presence = _object(config.get("broadcast")), _object(config.get("presence"))
    changes = _list(config.get("postgres_changes"))
    return JoinConfig(
        private=_flag(config.get("private"), otherwise=False),
        ack=_flag(broadcast.get("ack"), otherwise=False),
        to_self=_flag(broadcast.get("self"), otherwise=False),
        replay=_replay(broadcast.get("replay")),
        presence_key=_text(presence.get("key")) or "",
        presence=_flag(presence.get("enabled"), otherwise=True),
        postgres_changes=None if changes is None else tuple(bytes(item) for item in changes),
        token=_text(said.get("user_token")) or _text(said.get("access_token")),
    )


def read_broadcast(payload: Json) -> UserBroadcast | None:
    """What the payload of a `broadcast` says; None when it is no object with an `event`."""
    said = _object(payload)
    event = _text(said.get("event"))
    return None if event is None else UserBroadcast(event, bytes(said.get("payload", b"{}")))


def read_persist(said: Json) -> Persist | Literal["invalid"] | None:
    """Whether the metadata or the payload of a broadcast asks for it to be kept."""
    return persist_from(_value(_object(said).get("persist")))


def persist_from(asked: Any) -> Persist | Literal["invalid"] | None:
    """What `true`, or `{"ttl": seconds}`, asks for."""
    if asked is None or asked is False:
        return None
    if asked is True:
        return Persist()
    ttl_s = cast("dict[str, Any]", asked).get("ttl") if isinstance(asked, dict) else None
    if not isinstance(ttl_s, int | float) or isinstance(ttl_s, bool) or not ttl_s > 0:
        return "invalid"
    return Persist(max(1, int(min(ttl_s, MAX_TTL_S) * 1_000)))


def read_presence(payload: Json) -> PresenceCommand | None:
    """What the payload of a `presence` event asks for; None when it is no object with an `event`."""
    said = _object(payload)
    event = _text(said.get("event"))
    return None if event is None else PresenceCommand(event.lower(), bytes(said.get("payload", b"{}")))


def read_token(payload: Json) -> str | None:
    """The token in the payload of an `access_token` event, if there is one."""
    return _text(_object(payload).get("access_token"))


def joined(postgres_changes: tuple[Json, ...] | None) -> Json:
    """The response to a join: each item that was asked for, as it came, with an `id`; clients compare them one by one.

    The ids are those of the original: whole numbers below 2^27 that follow from the item.
    """
    items = [_with_id(item) for item in postgres_changes or ()]
    return b'{"postgres_changes":[%b]}' % b",".join(items)


def broadcast(event: str, payload: Json, meta: Json = b"") -> Json:
    """The payload of a broadcast on its way to clients. `payload` is JSON, `meta` a JSON object or nothing."""
    extra = b',"meta":%b' % meta if meta else b""
    return b'{"type":"broadcast","event":%b,"payload":%b%b}' % (_encode(event), payload, extra)


def with_id(payload: Json, id: str) -> Json:
    """The payload of a broadcast that is kept under `id`: everything else as the client sent it."""
    fields = {name: bytes(value) for name, value in _object(payload).items() if name not in ("persist", "meta")}
    items = [b"%b:%b" % (_encode(name), value) for name, value in fields.items()]
    return b"{%b}" % b",".join([*items, b'"meta":%b' % kept_meta(id)])


def kept_meta(id: str, *, replayed: bool = False) -> Json:
    """What clients see as `meta` of a broadcast that is kept."""
    return _encode({"replayed": True, "id": id} if replayed else {"id": id})


def system(channel: str, status: Literal["ok", "error"], message: str, extension: str = "system") -> Json:
    """The payload of a `system` event; `channel` is the topic without its prefix. Clients require all four fields."""
    return _encode({"extension": extension, "status": status, "message": message, "channel": channel})


def is_json(payload: bytes) -> bool:
    """Whether these bytes are one JSON value, in UTF-8: what goes to others in a text frame must be."""
    try:
        payload.decode()
        msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _with_id(item: Json) -> Json:
    said = _object(item)
    id = _hash_27(item)
    if not said:
        return b'{"id":%d}' % id
    fields = [b"%b:%b" % (_encode(name), bytes(value)) for name, value in said.items() if name != "id"]
    return b"{%b}" % b",".join([*fields, b'"id":%d' % id])


def _hash_27(data: bytes) -> int:
    """FNV-1a, folded to 27 bits: stable, and no secret hangs on it."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return (value >> 27 ^ value) & 0x7FFFFFF


def _replay(raw: msgspec.Raw | None) -> Replay | Literal["invalid"] | None:
    said = _value(raw)
    if said is None:
        return None
    if not isinstance(said, dict):
        return "invalid"
    asked = cast("dict[str, Any]", said)
    since, limit = asked.get("since"), asked.get("limit", MAX_REPLAY)
    if not (_is_whole(since) and _is_whole(limit) and 0 <= since < 1 << 53 and 1 <= limit <= MAX_REPLAY):
        return "invalid"
    return Replay(since, limit)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _value(raw: msgspec.Raw | None) -> Any:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _object(raw: Json | msgspec.Raw | None) -> _Raws:
    try:
        return {} if raw is None else msgspec.json.decode(raw, type=_Raws)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def _list(raw: msgspec.Raw | None) -> list[msgspec.Raw] | None:
    try:
        items = None if raw is None else msgspec.json.decode(raw, type=list[msgspec.Raw] | None)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if items is None else [item for item in items if bytes(item) != b"null" and is_json(bytes(item))]


def _text(raw: msgspec.Raw | None) -> str | None:
    value = _value(raw)
    return value if isinstance(value, str) else None


def _flag(raw: msgspec.Raw | None, *, otherwise: bool) -> bool:
    """A boolean, also as a string in any case."""
    value = _value(raw)
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else otherwise
