"""Who may do what in a room, and what mutes and bans leave in it."""

from dataclasses import replace

import pytest

from room_builders import DJ, LEO, T0, after, room
from whatssound.accounts.user import Role, User
from whatssound.ids import UserId
from whatssound.messages.message import Author
from whatssound.rooms import permissions
from whatssound.rooms.commands import Appoint, Ban, Change, Mute
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


def test_the_dj_cannot_be_restrained_by_anybody() -> None:
    with_moderator = after(room(), (0, Appoint(LEO, True)))
    for actor in (DANA, GUEST, person(8, "owner")):
        for leading in (DANA, person(9, "owner")):
            with pytest.raises(Refusal, match="DJ cannot"):
                permissions.may_restrain(with_moderator, actor, leading)
    permissions.may_restrain(room(), DANA, GUEST)


def test_a_moderator_keeps_order_among_listeners_but_does_not_lead() -> None:
    moderated = after(room(), (0, Appoint(LEO, True)))
    permissions.may_moderate(moderated, GUEST)
    permissions.may_restrain(moderated, GUEST, person(3))
    assert permissions.role_in(moderated, GUEST) == "moderator"
    with pytest.raises(Refusal, match="Only the DJ"):
        permissions.may_lead(moderated, GUEST)
    with pytest.raises(Refusal, match="Only the DJ and the moderators"):
        permissions.may_moderate(moderated, person(3))


def test_moderators_leave_each_other_and_themselves_alone_the_dj_does_not() -> None:
    mia = events.User(id="3", name="Mia")
    two = after(room(), (0, Appoint(LEO, True)), (0, Appoint(mia, True)))
    for target in (person(3), GUEST):
        with pytest.raises(Refusal, match="to a moderator"):
            permissions.may_restrain(two, GUEST, target)
        permissions.may_restrain(two, DANA, target)
        permissions.may_restrain(two, person(8, "owner"), target)


@pytest.mark.parametrize(
    ("actor", "author", "allowed"),
    [
        (3, Author(UserId(3), "Mia", "listener"), True),
        (3, Author(UserId(4), "Kim", "listener"), False),
        (2, Author(UserId(4), "Kim", "listener"), True),
        (2, Author(UserId(4), "Kim", "moderator"), True),  # was one when it was said, and is none now
        (2, Author(UserId(5), "Ole", "listener"), False),  # is one now
        (2, Author(UserId(1), "Dana", "dj"), False),
        (2, Author(UserId(2), "Leo", "moderator"), True),
        (1, Author(UserId(5), "Ole", "moderator"), True),
    ],
)
def test_who_may_delete_what_was_said(actor: int, author: Author, allowed: bool) -> None:
    moderated = after(room(), (0, Appoint(LEO, True)), (0, Appoint(events.User(id="5", name="Ole"), True)))
    if allowed:
        permissions.may_delete(moderated, person(actor), author)
        return
    with pytest.raises(Refusal, match="Only"):
        permissions.may_delete(moderated, person(actor), author)


def test_a_ban_ends_being_a_moderator_and_keeps_from_becoming_one() -> None:
    banned = after(room(), (0, Appoint(LEO, True)), (1, Ban(LEO, True)))
    with pytest.raises(Refusal, match="banned"):
        permissions.may_moderate(banned, GUEST)
    with pytest.raises(Refusal, match="lift the ban first"):
        after(banned, (2, Appoint(LEO, True)))
    assert permissions.role_in(after(banned, (2, Ban(LEO, False))), GUEST) == "listener"


def test_a_moderator_made_and_unmade_is_an_event_each_and_once_is_enough() -> None:
    made = after(room(), (0, Appoint(LEO, True)))
    assert after(made, (1, Appoint(LEO, True))) == made
    unmade = after(made, (1, Appoint(LEO, False)))
    assert after(room(), (0, Appoint(LEO, False))) == room()
    told = [part.payload for old, new in ((room(), made), (made, unmade)) for part in changed_parts(old, new)]
    leo = events.User(id="2", name="Leo", role="moderator")
    assert told == [events.Member(2, leo, "moderator"), events.Member(3, LEO, "listener")]


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
    with pytest.raises(Refusal, match="at most 1,000 moderators"):
        after(full, (0, Ban(LEO, True)))
    lifted = after(full, (0, Ban(events.User(id="1000", name="x"), False)), (1, Ban(LEO, True)))
    assert len(lifted.members) == MAX_MEMBERS


def test_title_and_settings_change_the_room_part_only() -> None:
    renamed = after(room(), (0, Change("Early morning", None)))
    assert [part.name for part in changed_parts(room(), renamed)] == ["room"]
    assert after(renamed, (1, Change("Early morning", None))) == renamed
    assert renamed.dj == DJ
