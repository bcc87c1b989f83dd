"""Access tokens that do not count any more although their hour is not over."""

from collections.abc import Mapping

from whatssound.accounts.user import Identity
from whatssound.ids import UserId


class Recalls:
    """Remembers, per person, up to when their tokens were recalled; for as long as such a token could still be alive.

    Bounded by that: an entry is forgotten `life_ms` after its moment.
    """

    def __init__(self, life_ms: float) -> None:
        self._life_ms = life_ms
        self._up_to_ms: dict[UserId, int] = {}

    def __len__(self) -> int:
        return len(self._up_to_ms)

    def load(self, up_to_ms: Mapping[UserId, int]) -> None:
        """Take over what was recalled before this process began."""
        for user_id, moment_ms in up_to_ms.items():
            self._up_to_ms[user_id] = max(moment_ms, self._up_to_ms.get(user_id, 0))

    def all(self) -> dict[UserId, int]:
        """Every person's moment, Unix ms."""
        return dict(self._up_to_ms)

    def recall(self, user_id: UserId, now_ms: float) -> None:
        """From now on, tokens of this person that were issued until now do not count."""
        over_ms = now_ms - self._life_ms
        for known in [id for id, moment_ms in self._up_to_ms.items() if moment_ms < over_ms]:
            del self._up_to_ms[known]
        self._up_to_ms[user_id] = int(now_ms)

    def issue_ms(self, user_id: UserId, now_ms: float) -> int:
        """When a token that is issued now says that it was: after whatever was recalled in the same millisecond."""
        return max(int(now_ms), self._up_to_ms.get(user_id, -1) + 1)

    def holds(self, identity: Identity) -> bool:
        """Whether this identity's token was recalled."""
        if identity.user_id is None:
            return False
        up_to_ms = self._up_to_ms.get(identity.user_id)
        return up_to_ms is not None and identity.issued_ms <= up_to_ms
