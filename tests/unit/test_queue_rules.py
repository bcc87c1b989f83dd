"""The queue: what is added, moved and taken away."""

import pytest

from room_builders import DEVICE, after, entry, room, waiting_ids
from whatssound.rooms.commands import AddEntry, MoveEntry, Play, RemoveEntry
from whatssound.rooms.queue import MAX_ENTRIES
from whatssound.wire.errors import Refusal


def test_an_entry_is_added_at_the_end_or_before_another() -> None:
    queued = after(room(1, 1), (0, AddEntry(entry(8), "a")), (0, AddEntry(entry(9), "b", before="102")))
    assert waiting_ids(queued) == ["101", "109", "102", "108"]


def test_a_nonce_adds_once_and_tells_its_entry() -> None:
    queued = after(room(), (0, AddEntry(entry(1), "a")), (1, AddEntry(entry(2), "a")))
    assert waiting_ids(queued) == ["101"]
    assert queued.entry_of_nonce("1", "a") == "101"
    assert queued.entry_of_nonce("1", "b") is None


def test_a_nonce_still_counts_when_its_entry_was_removed() -> None:
    queued = after(room(), (0, AddEntry(entry(1), "a")), (1, RemoveEntry("101")), (2, AddEntry(entry(2), "a")))
    assert waiting_ids(queued) == []


def test_before_the_entry_that_just_began_to_sound_means_first() -> None:
    queued = after(room(9_000, 9_000), (0, Play(DEVICE)), (1, AddEntry(entry(9), "a", before="101")))
    assert waiting_ids(queued) == ["109", "102"]


def test_before_an_entry_that_does_not_wait_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        after(room(1), (0, AddEntry(entry(9), "a", before="555")))
    assert refused.value.code == "not_found"


def test_a_full_queue_refuses() -> None:
    full = room(*[1_000] * MAX_ENTRIES)
    with pytest.raises(Refusal, match="full"):
        after(full, (0, AddEntry(entry(900), "a")))


def test_removing_twice_removes_once() -> None:
    removed = after(room(1, 1), (0, RemoveEntry("101")))
    assert waiting_ids(removed) == ["102"]
    assert after(removed, (1, RemoveEntry("101"))) == removed


@pytest.mark.parametrize(
    ("entry_id", "before", "order"),
    [
        ("101", None, ["102", "103", "101"]),
        ("103", "101", ["103", "101", "102"]),
        ("101", "103", ["102", "101", "103"]),
        ("102", "102", ["101", "102", "103"]),
        ("103", None, ["101", "102", "103"]),
    ],
)
def test_moving_puts_an_entry_before_another_or_last(entry_id: str, before: str | None, order: list[str]) -> None:
    moved = after(room(1, 1, 1), (0, MoveEntry(entry_id, before)))
    assert waiting_ids(moved) == order
    assert after(moved, (1, MoveEntry(entry_id, before))) == moved


def test_moving_what_is_gone_is_refused() -> None:
    with pytest.raises(Refusal, match="no longer in the queue"):
        after(room(1), (0, MoveEntry("999", None)))
