"""What a process must know of people to take a token's word: whose were recalled, who is called otherwise by now."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from whatssound.accounts.recalls import Recalls
from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.tokens import ACCESS_LIFE_S, AccessTokens
from whatssound.accounts.user import Identity, User
from whatssound.ids import UserId

REMEMBERED_CHANGES = 10_000
"""People whose newest name and role are told to their open sockets; about 2 MB."""


@dataclass(frozen=True, slots=True)
class PeopleNews:
    """What another process needs to know as much: see `Known.news` and `Known.catch_up`."""

    recalled_up_to_ms: dict[UserId, int]
    changed: list[User]
    whole_since_ms: float
    """Everybody who changed since then is among `changed`."""


class Known:
    """Verifies tokens against what was recalled, and remembers who took another name or role. Holds no account.

    Bounded: recalls are forgotten when their tokens have expired, changes beyond 10,000 the oldest first.
    """

    def __init__(self, tokens: AccessTokens, *, now_ms: Callable[[], float]) -> None:
        self._tokens = tokens
        self._now_ms = now_ms
        self._recalls = Recalls(ACCESS_LIFE_S * 1_000)
        self._changed: OrderedDict[UserId, tuple[User, float]] = OrderedDict()
        self._whole_since_ms = now_ms()
        self._changes = 0

    def verify(self, token: str) -> Identity:
        """Who an access token speaks for; cheap enough for every request. Raises TokenRefusal."""
        identity = self._tokens.verify(token)
        if self._recalls.holds(identity):
            raise TokenRefusal("ended")
        return identity

    def is_recalled(self, identity: Identity) -> bool:
        """Whether this identity's token does not count any more: the account is gone, or its password was changed."""
        return self._recalls.holds(identity)

    def latest(self, identity: Identity, known: User) -> User:
        """`known`, or what has become of them since, in the role that `identity` gives; cheap enough for every second.

        Of those who changed longest ago, `known` itself when very many changed since.
        """
        now = self._changed.get(known.id)
        return known if now is None else _in_role(now[0], identity)

    def changes(self) -> int:
        """How many changes it has been told of."""
        return self._changes

    def person(self, identity: Identity) -> User | None:
        """Who a token speaks for, as they are called now, when that is known without asking the accounts.

        A token that was made while everything was heard says the truth unless a change was heard since.
        """
        id = identity.user_id
        if id is None or identity.role_is_fixed or identity.issued_ms < self._whole_since_ms:
            return None
        now = self._changed.get(id)
        return User(id, identity.name, identity.role) if now is None else now[0]

    def issue_ms(self, id: UserId) -> int:
        """When a token that is made now says that it was: after whatever was recalled in the same millisecond."""
        return self._recalls.issue_ms(id, self._now_ms())

    def changed(self, user: User) -> None:
        """Somebody has another name or role now."""
        self._changes += 1
        self._changed[user.id] = (user, self._now_ms())
        self._changed.move_to_end(user.id)
        if len(self._changed) > REMEMBERED_CHANGES:
            _, (_, at_ms) = self._changed.popitem(last=False)
            self._whole_since_ms = max(self._whole_since_ms, at_ms + 1)

    def recall(self, id: UserId) -> int:
        """From now on no token that this person was given until now counts; answers that moment, Unix ms."""
        now_ms = self._now_ms()
        self._recalls.recall(id, now_ms)
        return int(now_ms)

    def recalled(self, up_to_ms: Mapping[UserId, int]) -> None:
        """Take over what was recalled elsewhere, or before this process began."""
        self._recalls.load(up_to_ms)

    def news(self, *, most: int = REMEMBERED_CHANGES) -> PeopleNews:
        """All of it, of the changes the newest `most`."""
        newest = list(self._changed.values())[-most:] if most else []
        whole_ms = self._whole_since_ms
        if len(newest) < len(self._changed):
            whole_ms = max(whole_ms, newest[0][1] if newest else self._now_ms())
        return PeopleNews(self._recalls.all(), [user for user, _ in newest], whole_ms)

    def catch_up(self, news: PeopleNews) -> None:
        """Know what another process knows; what was known here only stays."""
        self._recalls.load(news.recalled_up_to_ms)
        self._whole_since_ms = news.whole_since_ms
        for user in news.changed:
            self.changed(user)


def _in_role(user: User, identity: Identity) -> User:
    return User(user.id, user.name, identity.role if identity.role_is_fixed else user.role)
