"""What goes out of who is present, and what comes in."""

import json

import pytest

from whatssound.wire import presence as wire
from whatssound.wire.presence import Meta


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (b'{"a": 1, "b": [null, 1.50]}', b'{"a":1,"b":[null, 1.50]}'),
        (b"{}", b"{}"),
        (b'{"phx_ref":"mine","phx_ref_prev":"x","a":1}', b'{"a":1}'),
        ('{"ñ\\"":"🎧"}'.encode(), '{"ñ\\"":"🎧"}'.encode()),
        (b'{"a":1,"a":2}', b'{"a":2}'),
    ],
)
def test_a_body_is_the_object_without_what_is_ours(payload: bytes, body: bytes) -> None:
    assert wire.read_body(payload) == body
    assert json.loads(wire.state([Meta("k", "r", body)])) == {"k": {"metas": [{"phx_ref": "r", **json.loads(body)}]}}


@pytest.mark.parametrize(
    "payload", [b"[]", b"null", b'"a"', b"1", b"{", b'{"a":}', b'{"a":"\xff"}', b'{"a":{"b":"\xff"}}', b""]
)
def test_what_is_no_object_has_no_body(payload: bytes) -> None:
    assert wire.read_body(payload) is None


def test_bodies_are_the_same_whatever_their_order() -> None:
    assert wire.is_same(b'{"a":1,"b":{"c":1,"d":2}}', b'{"b":{"d":2,"c":1},"a":1}')
    assert not wire.is_same(b'{"a":1}', b'{"a":true}')
    assert not wire.is_same(b'{"a":[1,2]}', b'{"a":[2,1]}')


def test_a_state_has_the_metas_of_each_key_in_order() -> None:
    metas = [Meta('ana "dj"', "r1", b'{"n":1}'), Meta("leo", "r2", b"{}"), Meta('ana "dj"', "r3", b'{"n":2}', "r0")]
    assert json.loads(wire.state(metas)) == {
        'ana "dj"': {"metas": [{"phx_ref": "r1", "n": 1}, {"phx_ref": "r3", "phx_ref_prev": "r0", "n": 2}]},
        "leo": {"metas": [{"phx_ref": "r2"}]},
    }
    assert wire.state([]) == b"{}"
    assert json.loads(wire.diff([], metas[1:2])) == {"joins": {}, "leaves": {"leo": {"metas": [{"phx_ref": "r2"}]}}}
