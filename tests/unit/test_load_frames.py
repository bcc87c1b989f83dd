"""What the load generator makes of bytes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from load.frames import Position as Place
from load.frames import frames_in, join_message
from load.hearing import Hearing
from whatssound.wire.phoenix import V2, text_frame


def live(seq: int, prev: int, *, text: str = "hello") -> bytes:
    payload = json.dumps({"seq": seq, "prev": prev, "key": f"{seq}:0", "id": str(seq), "text": text}).encode()
    return text_frame(V2.broadcast("room:1", "chat", payload))


LISTENERS = text_frame(V2.broadcast("room:1", "listeners", b'{"count":3}'))
JOINED = text_frame(V2.reply(b'"1"', b'"1"', "room:1", ok=True, response=b"{}"))


@given(sizes=st.lists(st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 70_000]), max_size=5), cut=st.integers(0))
def test_whole_frames_are_found_and_the_rest_is_left(sizes: list[int], cut: int) -> None:
    payloads = [bytes([n]) * size for n, size in enumerate(sizes)]
    frames = [text_frame(payload) for payload in payloads]
    data = b"".join(frames)
    data = data[: cut % (len(data) + 1)]
    found = list(frames_in(data))
    assert [frame.payload for frame, _ in found] == payloads[: len(found)]
    end = found[-1][1] if found else 0
    assert end == len(b"".join(frames[: len(found)]))
    assert len(found) == len(frames) or len(data) - end < len(frames[len(found)])


def test_what_one_listener_read_is_known_for_the_next() -> None:
    hearing = Hearing()
    data = live(5, 4) + LISTENERS + live(7, 5)
    heard = hearing.learned(data)
    assert heard is not None
    assert list(heard.codes) == [0, 1]
    assert hearing.known(data) is heard
    assert [(event.seq, event.prev) for event in hearing.events] == [(5, 4), (7, 5)]


def test_the_same_event_has_one_number_and_another_text_another() -> None:
    hearing = Hearing()
    for data in (live(5, 4), live(5, 4) + LISTENERS, live(5, 4, text="other")):
        hearing.learned(data)
    assert [event.text for event in hearing.events] == ["hello", "other"]


def test_an_answer_and_half_a_frame_are_not_taken_for_something_that_all_get() -> None:
    hearing = Hearing()
    for data in (JOINED, live(5, 4) + JOINED, live(5, 4)[:-1], b"\x88\x02\x0f\xa8"):
        assert hearing.learned(data) is None


def test_when_an_event_was_last_heard_survives_forgetting() -> None:
    hearing = Hearing()
    heard = hearing.learned(live(5, 4))
    assert heard is not None
    heard.last_ns = 77
    hearing.settle()
    assert hearing.last_ns == [77]


def test_a_join_says_where_it_stands() -> None:
    frame = V2.decode(join_message("room:1", "token", Place("e", 5, "k")))
    assert json.loads(frame.payload) == {"access_token": "token", "after": {"epoch": "e", "seq": 5, "key": "k"}}
