"""What a batch of broadcasts over HTTP says, and Supabase's words for what is wrong with it. Pure."""

from typing import Any, Final, NamedTuple

import msgspec

from whatssound.wire.phoenix import MAX_NAME_BYTES, Json
from whatssound.wire.realtime import MAX_TOPIC_BYTES, is_json

BLANK: Final = "can't be blank"
INVALID: Final = "is invalid"
TOO_LARGE: Final = "Payload size exceeds tenant limit"

Problems = dict[str, list[str]]
"""What is wrong with the fields of one message; empty when nothing is."""

_Raws = dict[str, msgspec.Raw]


class Outgoing(NamedTuple):
    """One broadcast of a batch. `topic` has no `realtime:` in front, `payload` is a JSON object."""

    topic: str
    event: str
    payload: Json
    private: bool = False
    id: str = ""
    """What its sender calls it; receivers find it as `meta.id`."""


class BatchRefused(Exception):
    """A batch in which something is wrong: nothing of it is sent. `errors` is the body of the answer."""

    def __init__(self, messages: list[Problems] | list[str]) -> None:
        super().__init__(str(messages))
        self.errors: dict[str, Any] = {"errors": {"messages": messages}}


def read_batch(body: bytes, *, payload_bytes: int) -> list[Outgoing]:
    """The messages of `{"messages": […]}`. Raises BatchRefused, which names each field that is wrong."""
    raw = _decoded(body, _Raws) if is_json(body) else None
    if raw is None:
        raise BatchRefused([INVALID])
    if "messages" not in raw:
        raise BatchRefused([BLANK])
    items = _decoded(raw["messages"], list[msgspec.Raw])
    if items is None:
        raise BatchRefused([INVALID])
    read = [_message(item, payload_bytes) for item in items]
    if any(problems for _, problems in read):
        raise BatchRefused([problems for _, problems in read])
    return [message for message, _ in read]


def name_problem(text: object, max_bytes: int) -> str | None:
    """What is wrong with a topic or event that is to fit into binary frames too."""
    if text is None or (isinstance(text, str) and not text.strip()):
        return BLANK
    if not isinstance(text, str):
        return INVALID
    if len(text.encode()) > max_bytes:
        return f"should be at most {max_bytes} byte(s)"
    return None


def _message(item: msgspec.Raw, payload_bytes: int) -> tuple[Outgoing, Problems]:
    said: _Raws = _decoded(item, _Raws) or {}
    topic, event, id = (_value(said.get(name)) for name in ("topic", "event", "id"))
    private, payload = _value(said.get("private")), bytes(said.get("payload", b"null"))
    found: dict[str, str | None] = {
        "topic": name_problem(topic, MAX_TOPIC_BYTES),
        "event": name_problem(event, MAX_NAME_BYTES),
        "payload": _payload_problem(payload, payload_bytes),
        "private": None if private is None or isinstance(private, bool) else INVALID,
        "id": None if id is None or (isinstance(id, str) and len(id.encode()) <= MAX_NAME_BYTES) else INVALID,
    }
    problems = {name: [problem] for name, problem in found.items() if problem is not None}
    return Outgoing(str(topic), str(event), payload, private is True, "" if id is None else str(id)), problems


def _payload_problem(payload: Json, payload_bytes: int) -> str | None:
    if payload == b"null":
        return BLANK
    if not payload.startswith(b"{"):
        return INVALID
    return TOO_LARGE if len(payload) > payload_bytes else None


def _value(raw: msgspec.Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _decoded(raw: bytes | msgspec.Raw, kind: Any) -> Any:
    """`raw`, which is JSON, as `kind`; None when it is something else."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        return None
