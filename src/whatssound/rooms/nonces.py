"""Which `queue:add` and `queue:add_many` commands were done, so that a retry adds nothing. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

MAX_NONCES = 200
"""Remembered commands: far more than are ever being retried."""

MAX_ENTRY_IDS = 1_000
"""Entries remembered with them, 20 KB of a room's row; the newest command always stays, whatever it added."""


class UsedNonce(NamedTuple):
    """A command that was done, so that its retry finds its entries instead of adding others."""

    user_id: str
    nonce: str
    entry_id: str
    others: tuple[str, ...] = ()
    """What `queue:add_many` added behind the first."""

    @property
    def entry_ids(self) -> list[str]:
        """All that it added, in order."""
        return [self.entry_id, *self.others]


Nonces = tuple[UsedNonce, ...]


def entries_of(nonces: Nonces, user_id: str, nonce: str) -> list[str] | None:
    """The entries that this person's command with this nonce made, or None when there was none."""
    return next((used.entry_ids for used in nonces if used[:2] == (user_id, nonce)), None)


def with_used(nonces: Nonces, user_id: str, nonce: str, entry_ids: Sequence[str]) -> Nonces:
    """With one more command that was done; the oldest make way."""
    used = UsedNonce(user_id, nonce, entry_ids[0], tuple(entry_ids[1:]))
    kept: list[UsedNonce] = []
    ids = len(used.entry_ids)
    for older in reversed(nonces[-MAX_NONCES + 1 :]):
        ids += len(older.entry_ids)
        if ids > MAX_ENTRY_IDS:
            break
        kept.append(older)
    return (*reversed(kept), used)
