"""What each role may do on this server."""

import pytest

from whatssound.accounts.roles import Action, may, require
from whatssound.accounts.user import Role
from whatssound.wire.errors import Refusal

READS: set[Action] = {"read", "listen"}
TAKES_PART: set[Action] = READS | {"chat", "rename"}
RUNS_IT: set[Action] = TAKES_PART | {"upload", "browse_library", "encode", "open_room"}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("anon", READS), ("guest", TAKES_PART), ("user", TAKES_PART), ("owner", RUNS_IT), ("service", RUNS_IT)],
)
def test_a_role_may_do_exactly_what_the_table_says(role: Role, allowed: set[Action]) -> None:
    assert {action for action in RUNS_IT if may(role, action)} == allowed


def test_a_reader_is_told_to_sign_in_and_a_guest_to_find_the_owner() -> None:
    with pytest.raises(Refusal, match="Sign in with a name to chat"):
        require("anon", "chat")
    with pytest.raises(Refusal, match="owner link"):
        require("guest", "upload")
    require("owner", "upload")
