"""Who may do what in a room, and what mutes and bans leave in it."""

from dataclasses import replace

import pytest

from room_builders import DJ, LEO, T0, after, room
from whatssound.accounts.user import Role, User
from whatssound.ids import UserId
from whatssound.rooms import permissions
from whatssound.rooms.commands import Ban, Change, Mute
from whatssound.rooms.members import MAX_MEMBERS, Member
from whatssound.rooms.room import changed_parts
from whatssound.wire import events
from whatssound.wire.errors import Refusal


def person(id: int, role: Role = "guest") -> User:
    return User(UserId(id), f"Person {id}", role)


DANA = person(1)
GUEST = person(2)


@pytest.mark.parametrize("user", [DANA, person(8, "owner"), person(9, "service")])
def test_the_dj_the_servers_owner_and_its_services_lead(user: User) -> None:
    permissions.may_lead(room(), user)
    assert permissions.role_in(room(), user) == "dj"


@pytest.mark.parametrize("user", [GUEST, person(3, "user")])
def test_listeners_do_not_lead(user: User) -> None:
    with pytest.raises(Refusal, match="Only the DJ"):
        permissions.may_lead(room(), user)


def test_a_muted_person_is_refused_until_the_time_is_over() -> None:
    muted = after(room(), (0, Mute(LEO, int(T0) + 60_000)))
    with pytest.raises(Refusal) as refused:
        permissions.may_speak(muted, GUEST, T0 + 59_000)
    assert (refused.value.code, refused.value.retry_after_ms) == ("muted", 1_001)
    permissions.may_speak(muted, GUEST, T0 + 60_000)


def test_a_lifted_mute_lets_speak_and_is_an_event_of_its_own() -> None:
    muted = after(room(), (0, Mute(LEO, int(T0) + 60_000)))
    lifted = after(muted, (1_000, Mute(LEO, None)))
    permissions.may_speak(lifted, GUEST, T0 + 1_001)
    assert [part.payload for part in changed_parts(muted, lifted)] == [
        events.Member(rev=3, user=LEO, role="listener", muted_until_ms=None)
    ]


def test_a_banned_person_may_not_join_nor_speak() -> None:
    banned = after(room(), (0, Ban(LEO, True)))
    for refused in (
        lambda: permissions.may_join(banned, GUEST.id),
        lambda: permissions.may_speak(banned, GUEST, T0),
    ):
        with pytest.raises(Refusal, match="banned"):
            refused()
    permissions.may_join(banned, None)
    permissions.may_join(after(banned, (1, Ban(LEO, False))), GUEST.id)


def test_the_dj_cannot_be_restrained() -> None:
    with pytest.raises(Refusal, match="DJ cannot"):
        permissions.may_be_restrained(room(), DANA)
    permissions.may_be_restrained(room(), GUEST)


def test_repeated_mutes_and_bans_do_nothing() -> None:
    banned = after(room(), (0, Ban(LEO, True)), (0, Mute(LEO, int(T0) + 5)))
    assert after(banned, (1, Ban(LEO, True)), (1, Mute(LEO, int(T0) + 5))) == banned
    assert after(room(), (1, Ban(LEO, False)), (1, Mute(LEO, None))) == room()


def test_each_changed_person_is_one_event() -> None:
    mia = events.User(id="3", name="Mia")
    one = after(room(), (0, Ban(LEO, True)))
    two = after(one, (1, Ban(mia, True)))
    assert [(part.name, part.rev) for part in changed_parts(one, two)] == [("member-3", 3)]


def test_a_room_full_of_bans_refuses_another_and_forgets_a_lifted_one() -> None:
    people = tuple(Member(rev=2, user_id=str(1_000 + n), name="x", banned=True) for n in range(MAX_MEMBERS))
    full = replace(room(), rev=2, members=people)
    with pytest.raises(Refusal, match="at most 1,000"):
        after(full, (0, Ban(LEO, True)))
    lifted = after(full, (0, Ban(events.User(id="1000", name="x"), False)), (1, Ban(LEO, True)))
    assert len(lifted.members) == MAX_MEMBERS


def test_title_and_settings_change_the_room_part_only() -> None:
    renamed = after(room(), (0, Change("Early morning", None)))
    assert [part.name for part in changed_parts(room(), renamed)] == ["room"]
    assert after(renamed, (1, Change("Early morning", None))) == renamed
    assert renamed.dj == DJ
