"""The queue: what is added, moved and taken away."""

import pytest

from room_builders import DEVICE, after, entry, room, waiting_ids
from whatssound.rooms.commands import AddEntries, MoveEntry, Play, RemoveEntry
from whatssound.rooms.nonces import MAX_NONCES, Nonces, entries_of, with_used
from whatssound.rooms.queue import MAX_ENTRIES
from whatssound.wire.errors import Refusal


def test_an_entry_is_added_at_the_end_or_before_another() -> None:
    queued = after(room(1, 1), (0, AddEntries((entry(8),), "a")), (0, AddEntries((entry(9),), "b", before="102")))
    assert waiting_ids(queued) == ["101", "109", "102", "108"]


def test_a_nonce_adds_once_and_tells_its_entry() -> None:
    queued = after(room(), (0, AddEntries((entry(1),), "a")), (1, AddEntries((entry(2),), "a")))
    assert waiting_ids(queued) == ["101"]
    assert queued.entries_of_nonce("1", "a") == ["101"]
    assert queued.entries_of_nonce("1", "b") is None


def test_several_entries_keep_their_order_wherever_they_are_put() -> None:
    folder = (entry(7), entry(8), entry(9))
    assert waiting_ids(after(room(1, 1), (0, AddEntries(folder, "a")))) == ["101", "102", "107", "108", "109"]
    put_before = after(room(1, 1), (0, AddEntries(folder, "a", before="102")))
    assert waiting_ids(put_before) == ["101", "107", "108", "109", "102"]
    assert put_before.entries_of_nonce("1", "a") == ["107", "108", "109"]
    assert after(put_before, (1, AddEntries((entry(5),), "a"))) == put_before


def test_several_entries_are_added_all_or_none_and_the_refusal_says_how_many_fit() -> None:
    nearly_full = room(*[1_000] * (MAX_ENTRIES - 2))
    with pytest.raises(Refusal, match="room for 2 more") as refused:
        after(nearly_full, (0, AddEntries((entry(901), entry(902), entry(903)), "a")))
    assert (refused.value.code, refused.value.details) == ("conflict", {"limit": MAX_ENTRIES, "fits": 2})
    full = after(nearly_full, (0, AddEntries((entry(901), entry(902)), "a")))
    assert len(full.queue.entries) == MAX_ENTRIES


def test_the_newest_commands_are_remembered_however_much_they_added() -> None:
    known: Nonces = ()
    for n in range(12):
        known = with_used(known, "1", f"n{n}", [str(1_000 * n + k) for k in range(200)])
    assert [used.nonce for used in known] == ["n7", "n8", "n9", "n10", "n11"]
    for n in range(300):
        known = with_used(known, "1", f"one {n}", [str(n)])
    assert len(known) == MAX_NONCES
    assert entries_of(known, "1", "one 299") == ["299"]


def test_a_nonce_still_counts_when_its_entry_was_removed() -> None:
    queued = after(
        room(), (0, AddEntries((entry(1),), "a")), (1, RemoveEntry("101")), (2, AddEntries((entry(2),), "a"))
    )
    assert waiting_ids(queued) == []


def test_before_the_entry_that_just_began_to_sound_means_first() -> None:
    queued = after(room(9_000, 9_000), (0, Play(DEVICE)), (1, AddEntries((entry(9),), "a", before="101")))
    assert waiting_ids(queued) == ["109", "102"]


def test_before_an_entry_that_does_not_wait_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        after(room(1), (0, AddEntries((entry(9),), "a", before="555")))
    assert refused.value.code == "not_found"


def test_a_full_queue_refuses() -> None:
    full = room(*[1_000] * MAX_ENTRIES)
    with pytest.raises(Refusal, match="full"):
        after(full, (0, AddEntries((entry(900),), "a")))


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
