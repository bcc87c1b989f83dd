"""Chat in a room: stored, told once, answered, limited, edited, deleted."""

import asyncio
from pathlib import Path

import pytest

from room_builders import ManualClock
from room_house import LEO, MIA, OWNER, House, house
from whatssound.accounts.user import User
from whatssound.ids import UserId, ms_of
from whatssound.rooms.room import Room
from whatssound.wire.commands import ChatDelete, ChatEdit, ChatSend, MemberBan, MemberMute
from whatssound.wire.errors import Refusal


async def say(at: House, room: Room, text: str, nonce: str = "", *, by: User = LEO) -> dict[str, str]:
    return await at.do(room, ChatSend(text=text, nonce=nonce or text), by=by)


async def history(at: House, room: Room) -> list[str]:
    return [message.text for message in (await at.messages.page(room.id)).messages]


async def test_what_is_said_is_in_history_and_told_to_everybody(at: House) -> None:
    room = await at.opened()
    reply = await say(at, room, " hello \x07", "n1")
    [(name, key, chat)] = at.told
    assert (name, key) == ("chat", f"{reply['id']}:0")
    assert chat["user"] == {"id": "2", "name": "Leo", "role": "listener"}
    assert (chat["id"], chat["text"], chat["nonce"]) == (reply["id"], "hello", "n1")
    assert await history(at, room) == ["hello"]
    assert reply["seq"] == (await at.log.positions([room.id]))[room.id].seq


async def test_a_retry_answers_the_same_and_tells_nobody_twice(at: House) -> None:
    room = await at.opened()
    first = await say(at, room, "hello", "n1")
    assert await say(at, room, "hello", "n1") == first
    assert len(at.told) == 1
    assert await history(at, room) == ["hello"]


async def test_retries_that_cross_are_one_message(at: House) -> None:
    room = await at.opened()
    replies = await asyncio.gather(*(say(at, room, "hello", "n1") for _ in range(5)))
    assert all(reply == replies[0] for reply in replies)
    assert len(at.told) == 1


async def test_what_was_stored_but_not_told_is_told_by_the_retry(at: House) -> None:
    room = await at.opened()
    at.log.refusing = True
    with pytest.raises(Refusal, match="not told yet"):
        await say(at, room, "hello", "n1")
    assert await history(at, room) == ["hello"]
    at.log.refusing = False
    reply = await say(at, room, "hello", "n1")
    assert [(name, chat["id"]) for name, _, chat in at.told] == [("chat", reply["id"])]


async def test_a_retry_after_a_restart_finds_the_message(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as before:
        room = await before.opened()
        first = await say(before, room, "hello", "n1")
    async with house(tmp_path, clock, start=2) as now:
        assert (await say(now, room, "hello", "n1"))["id"] == first["id"]
        assert await history(now, room) == ["hello"]


async def test_ids_grow_in_the_order_of_sending_also_when_the_clock_was_ahead(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with house(tmp_path, clock) as before:
        room = await before.opened()
        first = await say(before, room, "first")
    clock.advance(-60_000)
    async with house(tmp_path, clock, start=2) as now:
        replies = [await say(now, room, f"{n}") for n in range(5)]
        ids = [int(reply["id"]) for reply in (first, *replies)]
        assert ids == sorted(ids)
        assert ms_of(ids[-1]) >= ms_of(ids[0])
        assert await history(now, room) == ["4", "3", "2", "1", "0", "first"]


async def test_one_person_is_slowed_down_and_told_for_how_long(at: House, clock: ManualClock) -> None:
    room = await at.opened()
    for n in range(10):
        await say(at, room, str(n))
    with pytest.raises(Refusal) as refused:
        await say(at, room, "one too many")
    assert refused.value.code == "rate_limited"
    assert refused.value.retry_after_ms == 1_001
    await say(at, room, "somebody else", by=MIA)
    clock.advance(1_001)
    await say(at, room, "after waiting")


async def test_a_room_is_slowed_down_as_a_whole(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, room_per_s=3) as at:
        room = await at.opened()
        crowd = [User(UserId(100 + n), f"Guest {n}", "guest") for n in range(4)]
        for guest in crowd[:3]:
            await say(at, room, "hi", by=guest)
        with pytest.raises(Refusal, match="very busy"):
            await say(at, room, "hi", by=crowd[3])


@pytest.mark.parametrize(("text", "code"), [("", "invalid"), (" \n ", "invalid"), ("x" * 2_001, "too_large")])
async def test_empty_and_endless_texts_are_refused(at: House, text: str, code: str) -> None:
    room = await at.opened()
    with pytest.raises(Refusal) as refused:
        await say(at, room, text, "n")
    assert refused.value.code == code
    assert at.told == []
    await say(at, room, "x" * 2_000)


async def test_the_muted_and_the_banned_do_not_speak(at: House, clock: ManualClock) -> None:
    room = await at.opened()
    await at.do(room, MemberMute("2", 60_000))
    await at.do(room, MemberBan("3"))
    for person, code in ((LEO, "muted"), (MIA, "banned")):
        with pytest.raises(Refusal) as refused:
            await say(at, room, "hello", by=person)
        assert refused.value.code == code
    clock.advance(60_000)
    await say(at, room, "hello")


async def test_nobody_speaks_in_an_ended_room(at: House) -> None:
    room = await at.opened()
    await say(at, room, "before")
    await at.service.patch(OWNER, room.id, end=True)
    with pytest.raises(Refusal, match="ended"):
        await say(at, room, "after")
    assert await history(at, room) == ["before"]


async def test_an_author_changes_a_text_and_the_highest_edit_rev_wins(at: House) -> None:
    room = await at.opened()
    id = (await say(at, room, "helo"))["id"]
    reply = await at.do(room, ChatEdit(id=id, text="hello"), by=LEO)
    again = await at.do(room, ChatEdit(id=id, text="hello"), by=LEO)
    assert reply == again
    assert [(name, key, told.get("edit_rev")) for name, key, told in at.told] == [
        ("chat", f"{id}:0", None),
        ("chat_edited", f"{id}:1", 1),
    ]
    assert await history(at, room) == ["hello"]


async def test_only_the_author_changes_and_the_dj_deletes_too(at: House) -> None:
    room = await at.opened()
    first, second = [(await say(at, room, text))["id"] for text in ("one", "two")]
    for person in (MIA, OWNER):
        with pytest.raises(Refusal, match="Only its author"):
            await at.do(room, ChatEdit(id=first, text="x"), by=person)
    with pytest.raises(Refusal, match="the DJ or a moderator"):
        await at.do(room, ChatDelete(id=first), by=MIA)
    await at.do(room, ChatDelete(id=first), by=OWNER)
    await at.do(room, ChatDelete(id=second), by=LEO)
    await at.do(room, ChatDelete(id=second), by=LEO)
    assert [(name, told["id"]) for name, _, told in at.told[2:]] == [("chat_deleted", first), ("chat_deleted", second)]
    assert await history(at, room) == ["", ""]


async def test_what_is_not_there_cannot_be_changed(at: House) -> None:
    room, other = await at.opened(), await at.opened("Other")
    id = (await say(at, room, "hello"))["id"]
    await at.do(room, ChatDelete(id=id), by=LEO)
    for where, command in (
        (room, ChatEdit(id=id, text="x")),
        (room, ChatEdit(id="404", text="x")),
        (other, ChatDelete(id=id)),
    ):
        with pytest.raises(Refusal) as refused:
            await at.do(where, command, by=LEO)
        assert refused.value.code == "not_found"


async def test_a_retry_of_a_message_that_was_deleted_since_tells_that_it_is_deleted(at: House) -> None:
    room = await at.opened()
    first = await say(at, room, "hello", "n1")
    await at.do(room, ChatDelete(id=first["id"]), by=LEO)
    told = len(at.told)
    assert (await say(at, room, "hello", "n1"))["id"] == first["id"]
    assert len(at.told) == told


async def test_history_is_paged_and_the_newest_page_never_lacks_what_was_answered(at: House) -> None:
    room = await at.opened()
    for n in range(8):
        await say(at, room, str(n))
        assert (await history(at, room))[0] == str(n)
    page = await at.messages.page(room.id, limit=3)
    assert ([m.text for m in page.messages], page.has_more) == (["7", "6", "5"], True)
    older = await at.messages.page(room.id, before=page.messages[-1].id, limit=10)
    assert ([m.text for m in older.messages], older.has_more) == (["4", "3", "2", "1", "0"], False)
    with pytest.raises(Refusal, match="one of before"):
        await at.messages.page(room.id, before=page.messages[0].id, after=page.messages[0].id)


async def test_a_burst_of_many_senders_is_all_there_in_each_ones_order(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, user_per_10s=100, room_per_s=1_000) as at:
        room = await at.opened()
        crowd = [User(UserId(100 + n), f"Guest {n}", "guest") for n in range(8)]
        sends = [say(at, room, f"{guest.id} {n:02}", by=guest) for n in range(12) for guest in crowd]
        await asyncio.gather(*sends)
        kept = [message.text for message in (await at.messages.page(room.id, limit=100)).messages][::-1]
        told = [chat["text"] for _, _, chat in at.told]
        assert sorted(kept) == sorted(told)
        for guest in crowd:
            own = [text for text in kept if text.startswith(f"{guest.id} ")]
            assert own == [f"{guest.id} {n:02}" for n in range(12)]
