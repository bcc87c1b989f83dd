"""Range requests: what is asked for is what is sent, whatever is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatssound.http.files import Span, is_unchanged, span_of
from whatssound.wire.errors import Refusal

sizes = st.integers(1, 10_000)


@given(sizes, st.data())
def test_a_first_and_a_last_byte_give_exactly_those(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    assert span_of(f"bytes={first}-{last}", size) == Span(first, last)


@given(sizes, st.data())
def test_an_open_end_gives_the_rest(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    assert span_of(f"bytes={first}-", size) == span_of(f"bytes={first}-{size * 2}", size) == Span(first, size - 1)


@given(sizes, st.integers(1, 20_000))
def test_a_suffix_gives_the_last_bytes(size: int, count: int) -> None:
    span = span_of(f"bytes=-{count}", size)
    assert span is not None
    assert (span.size_bytes, span.last) == (min(count, size), size - 1)


@given(sizes, st.integers(0, 1_000))
def test_a_start_beyond_the_end_cannot_be_satisfied(size: int, beyond: int) -> None:
    with pytest.raises(Refusal) as refusal:
        span_of(f"bytes={size + beyond}-", size)
    assert (refusal.value.code, refusal.value.details) == ("range_not_satisfiable", {"bytes": size})


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=0-1,4-5",
        "items=0-1",
        "bytes=0-1;",
        "bytes=１-２",
    ],
)
def test_a_header_that_we_cannot_read_is_passed_over(header: str) -> None:
    assert span_of(header, 10) is None


def test_an_empty_file_has_no_ranges() -> None:
    for header in ("bytes=0-0", "bytes=-5", "bytes=0-"):
        with pytest.raises(Refusal):
            span_of(header, 0)
    with pytest.raises(Refusal):
        span_of("bytes=-0", 10)


@given(st.text(max_size=40), sizes)
def test_no_header_makes_more_than_a_refusal(header: str, size: int) -> None:
    try:
        span = span_of(header, size)
    except Refusal:
        return
    assert span is None or 0 <= span.first <= span.last < size


@pytest.mark.parametrize(
    ("header", "unchanged"),
    [(None, False), ('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False)],
)
def test_a_known_etag_means_unchanged(header: str | None, unchanged: bool) -> None:
    assert is_unchanged(header, '"a"') == unchanged
