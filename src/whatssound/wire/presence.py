"""What somebody who is present says of themselves, and how clients are told of it. Pure.

A meta is the application's own JSON object with a reference of ours in it; one key may have several metas.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from whatssound.wire.phoenix import EMPTY, Json
from whatssound.wire.realtime import is_json

STATE: Final = "presence_state"
DIFF: Final = "presence_diff"
COUNT: Final = "presence_count"
"""A broadcast of ours on topics of which clients are shown a part: `{count, shown}`."""

_OURS: Final = frozenset(("phx_ref", "phx_ref_prev"))
_encode: Final = msgspec.json.Encoder().encode
_sorted: Final = msgspec.json.Encoder(order="sorted").encode


class Meta(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One channel's presence under `key`. `ref` is unlike any other and stays as long as the meta does."""

    key: str
    ref: str
    body: Json
    """The application's object, nothing of ours in it."""
    replaces: str = ""
    """The reference of the meta that this one changed."""

    @property
    def size_bytes(self) -> int:
        """About what it takes in a frame or a message."""
        return len(self.key) + len(self.body) + 64


def read_body(payload: Json) -> Json | None:
    """What `track` is given, without the names that are ours; None when it is no JSON object. Never raises."""
    if not is_json(payload):
        return None
    try:
        said = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return None
    fields = [b"%b:%b" % (_encode(name), bytes(value)) for name, value in said.items() if name not in _OURS]
    return b"{%b}" % b",".join(fields)


def is_same(one: Json, other: Json) -> bool:
    """Whether two bodies say the same, in whatever order."""
    return one == other or _sorted(msgspec.json.decode(one)) == _sorted(msgspec.json.decode(other))


def state(metas: Iterable[Meta]) -> Json:
    """The payload of `presence_state`: `{key: {"metas": [...]}}`."""
    by_key: dict[str, list[Json]] = {}
    for meta in metas:
        by_key.setdefault(meta.key, []).append(_rendered(meta))
    if not by_key:
        return EMPTY
    entries = [b'%b:{"metas":[%b]}' % (_encode(key), b",".join(rendered)) for key, rendered in by_key.items()]
    return b"{%b}" % b",".join(entries)


def diff(joins: Iterable[Meta], leaves: Iterable[Meta]) -> Json:
    """The payload of `presence_diff`; both sides are always there."""
    return b'{"joins":%b,"leaves":%b}' % (state(joins), state(leaves))


def _rendered(meta: Meta) -> Json:
    ours = b'"phx_ref":"%b"' % meta.ref.encode()
    if meta.replaces:
        ours += b',"phx_ref_prev":"%b"' % meta.replaces.encode()
    return b"{%b}" % ours if meta.body == EMPTY else b"{%b,%b" % (ours, meta.body[1:])
