"""What every MessageStore must do, whatever keeps the rows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from room_builders import ManualClock
from whatssound.adapters.messages_sqlite import SqliteMessages
from whatssound.ids import BUCKET_MS, EPOCH_MS, MessageId, RoomId, UserId, first_id_at
from whatssound.messages.message import Author, Message
from whatssound.messages.store import MessageStore, Page

ROOM, OTHER = RoomId(1), RoomId(2)
ANA, BEN = Author(UserId(1), "Ana", "dj"), Author(UserId(2), "Ben", "listener")


@pytest.fixture(params=["sqlite"])
async def store(tmp_path: Path) -> AsyncIterator[MessageStore]:
    async with await SqliteMessages.open(tmp_path / "messages.sqlite3", now_ms=ManualClock(EPOCH_MS)) as store:
        yield store


def at(second: float, *, years: float = 0) -> MessageId:
    return MessageId(first_id_at(int(EPOCH_MS + second * 1_000 + years * 365 * 86_400_000)))


def message(id: int, text: str = "hello", *, room: RoomId = ROOM, author: Author = ANA, nonce: str = "") -> Message:
    return Message(room, MessageId(id), author, text, nonce or f"nonce {id}")


async def said(store: MessageStore, *ids: int) -> None:
    await store.append([message(id) for id in ids])


def ids_of(page: Page) -> list[int]:
    return [shown.id for shown in page.messages]


async def test_a_message_comes_back_as_it_was(store: MessageStore) -> None:
    sent = Message(ROOM, at(1), BEN, "héllo 👋\nthere", "n1", reply_to=at(0))
    assert await store.append([sent]) == [sent.id]
    assert await store.get(ROOM, sent.id) == sent
    assert await store.newest(ROOM, 50) == Page((sent,), False)
    assert await store.get(ROOM, at(2)) is None
    assert await store.get(OTHER, sent.id) is None


async def test_pages_are_newest_first_and_say_whether_there_is_more(store: MessageStore) -> None:
    await said(store, *(at(n) for n in range(6)))
    newest = await store.newest(ROOM, 4)
    assert (ids_of(newest), newest.has_more) == ([at(5), at(4), at(3), at(2)], True)
    older = await store.before(ROOM, at(2), 4)
    assert (ids_of(older), older.has_more) == ([at(1), at(0)], False)


async def test_before_and_after_leave_out_the_message_itself(store: MessageStore) -> None:
    await said(store, *(at(n) for n in range(6)))
    assert ids_of(await store.before(ROOM, at(3), 2)) == [at(2), at(1)]
    newer = await store.after(ROOM, at(2), 2)
    assert (ids_of(newer), newer.has_more) == ([at(4), at(3)], True)
    last = await store.after(ROOM, at(3), 2)
    assert (ids_of(last), last.has_more) == ([at(5), at(4)], False)


async def test_exactly_as_many_as_asked_is_not_more(store: MessageStore) -> None:
    await said(store, at(0), at(1))
    assert not (await store.newest(ROOM, 2)).has_more
    assert not (await store.after(ROOM, at(0), 1)).has_more


async def test_around_shows_both_sides_and_the_message_itself(store: MessageStore) -> None:
    await said(store, *(at(n) for n in range(10)))
    page = await store.around(ROOM, at(5), 5)
    assert at(5) in ids_of(page)
    assert ids_of(page) == sorted(ids_of(page), reverse=True)
    assert len(page.messages) == 5
    assert min(ids_of(page)) < at(5) < max(ids_of(page))
    assert page.has_more


@pytest.mark.parametrize("middle", [0, 9])
async def test_around_an_end_fills_up_from_the_other_side(store: MessageStore, middle: int) -> None:
    await said(store, *(at(n) for n in range(10)))
    page = await store.around(ROOM, at(middle), 6)
    assert at(middle) in ids_of(page)
    assert len(page.messages) == 6


async def test_around_a_message_that_is_not_there_shows_its_neighbours(store: MessageStore) -> None:
    await said(store, at(0), at(10))
    assert ids_of(await store.around(ROOM, at(5), 10)) == [at(10), at(0)]
    assert ids_of(await store.around(ROOM, at(0), 1)) == [at(0)]


async def test_pages_cross_buckets_and_silent_years(store: MessageStore) -> None:
    edge = BUCKET_MS / 1_000
    ids = [at(0), at(edge - 1), at(edge), at(0, years=3), at(0, years=9)]
    await said(store, *ids)
    assert ids_of(await store.newest(ROOM, 10)) == ids[::-1]
    assert ids_of(await store.before(ROOM, ids[3], 2)) == [ids[2], ids[1]]
    assert ids_of(await store.after(ROOM, ids[1], 2)) == [ids[3], ids[2]]


async def test_an_empty_room_has_an_empty_page(store: MessageStore) -> None:
    for page in (
        await store.newest(ROOM, 50),
        await store.before(ROOM, at(1), 50),
        await store.after(ROOM, at(1), 50),
        await store.around(ROOM, at(1), 50),
    ):
        assert page == Page((), False)


async def test_rooms_do_not_see_each_other(store: MessageStore) -> None:
    await store.append([message(at(1)), message(at(2), room=OTHER)])
    assert ids_of(await store.newest(ROOM, 50)) == [at(1)]
    assert ids_of(await store.newest(OTHER, 50)) == [at(2)]


async def test_appending_an_id_twice_keeps_the_first(store: MessageStore) -> None:
    await said(store, at(1))
    assert await store.append([message(at(1))]) == [at(1)]
    assert ids_of(await store.newest(ROOM, 50)) == [at(1)]


async def test_an_id_with_other_content_is_an_error_and_stores_nothing(store: MessageStore) -> None:
    await said(store, at(1))
    with pytest.raises(ValueError, match="exists"):
        await store.append([message(at(2)), message(at(1), "something else")])
    with pytest.raises(ValueError, match="exists"):
        await store.append([message(at(1), author=BEN)])
    assert ids_of(await store.newest(ROOM, 50)) == [at(1)]


async def test_an_edited_or_deleted_message_can_still_be_appended_again(store: MessageStore) -> None:
    await said(store, at(1), at(2))
    await store.edit(ROOM, at(1), "better")
    await store.delete(ROOM, at(2))
    assert await store.append([message(at(1)), message(at(2))]) == [at(1), at(2)]
    shown = (await store.newest(ROOM, 50)).messages
    assert [m.text for m in shown] == ["", "better"]


async def test_a_known_nonce_stores_nothing_and_answers_its_first_id(store: MessageStore) -> None:
    await store.append([message(at(1), "first", nonce="n")])
    assert await store.append([message(at(2), "again", nonce="n")]) == [at(1)]
    assert [m.text for m in (await store.newest(ROOM, 50)).messages] == ["first"]


async def test_a_nonce_counts_within_one_batch_too(store: MessageStore) -> None:
    assert await store.append([message(at(1), nonce="n"), message(at(2), nonce="n")]) == [at(1), at(1)]


async def test_a_nonce_is_one_persons_in_one_room(store: MessageStore) -> None:
    others = [message(at(2), nonce="n", author=BEN), message(at(3), nonce="n", room=OTHER)]
    assert await store.append([message(at(1), nonce="n"), *others]) == [at(1), at(2), at(3)]


async def test_an_edit_counts_up_and_replaces_the_text(store: MessageStore) -> None:
    await said(store, at(1))
    assert await store.edit(ROOM, at(1), "one") is not None
    edited = await store.edit(ROOM, at(1), "two")
    assert edited is not None
    assert (edited.text, edited.edit_rev, edited.deleted) == ("two", 2, False)
    assert await store.get(ROOM, at(1)) == edited


async def test_a_deleted_message_keeps_its_place_and_loses_its_text(store: MessageStore) -> None:
    await said(store, at(1), at(2))
    deleted = await store.delete(ROOM, at(1))
    assert deleted is not None
    assert (deleted.text, deleted.edit_rev, deleted.deleted) == ("", 1, True)
    assert await store.delete(ROOM, at(1)) == deleted
    assert await store.edit(ROOM, at(1), "back") is None
    assert ids_of(await store.newest(ROOM, 50)) == [at(2), at(1)]


async def test_what_is_not_there_cannot_be_changed(store: MessageStore) -> None:
    await said(store, at(1))
    assert await store.edit(ROOM, at(2), "x") is None
    assert await store.delete(OTHER, at(1)) is None


async def test_concurrent_appends_are_all_there(store: MessageStore) -> None:
    ids = [MessageId(at(0) + n) for n in range(300)]
    answers = await asyncio.gather(*(store.append([message(id)]) for id in ids))
    assert answers == [[id] for id in ids]
    assert len((await store.newest(ROOM, 100)).messages) == 100
    assert ids_of(await store.around(ROOM, ids[150], 100))[0] == ids[200]


async def test_two_who_use_a_nonce_at_the_same_time_get_the_same_id(store: MessageStore) -> None:
    answers = await asyncio.gather(*(store.append([message(at(n), nonce="n")]) for n in range(20)))
    assert len({id for [id] in answers}) == 1
    assert len((await store.newest(ROOM, 50)).messages) == 1


async def test_a_read_after_a_write_sees_it(store: MessageStore) -> None:
    for n in range(20):
        await said(store, at(n))
        assert ids_of(await store.newest(ROOM, 1)) == [at(n)]


async def test_who_is_forgotten_loses_the_name_on_every_message_and_nothing_else(store: MessageStore) -> None:
    await store.append(
        [message(at(1), "mine"), message(at(2), "theirs", author=BEN), message(at(3), "there", room=OTHER)]
    )
    await store.edit(ROOM, at(1), "mine, edited")
    assert await store.forget_author(ANA.id) == 2
    nobody = Author(ANA.id, "", ANA.role)
    assert await store.get(ROOM, at(1)) == Message(ROOM, at(1), nobody, "mine, edited", f"nonce {at(1)}", edit_rev=1)
    assert await store.get(ROOM, at(2)) == message(at(2), "theirs", author=BEN)
    assert (await store.newest(OTHER, 50)).messages[0].author == nobody


async def test_forgetting_somebody_again_changes_nothing(store: MessageStore) -> None:
    await said(store, at(1))
    assert await store.forget_author(BEN.id) == 0
    assert await store.forget_author(ANA.id) == 1
    assert await store.forget_author(ANA.id) == 0
    assert await store.append([message(at(1))]) == [at(1)], "a repeated append still finds its message"


async def test_everything_that_was_said_in_years_is_found(store: MessageStore) -> None:
    ids = [MessageId(at(0, years=year) + n) for year in range(5) for n in range(1_000)]
    for start in range(0, len(ids), 500):
        authors = (ANA, BEN)
        await store.append([message(id, author=authors[id % 2]) for id in ids[start : start + 500]])
    assert await store.forget_author(ANA.id) == sum(id % 2 == 0 for id in ids)
    assert {m.author.name for m in (await store.newest(ROOM, 100)).messages} == {"", "Ben"}


async def test_a_million_deleted_ones_would_not_slow_a_page(store: MessageStore) -> None:
    """A page reads as many rows as it shows: the deleted ones are shown as such, and keep their places."""
    await said(store, *(at(n) for n in range(200)))
    await asyncio.gather(*(store.delete(ROOM, at(n)) for n in range(1, 200)))
    page = await store.newest(ROOM, 50)
    assert all(shown.deleted for shown in page.messages)
    assert len(page.messages) == 50
