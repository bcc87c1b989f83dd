"""What is done to people from outside this process: by a command, while the server runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Self

import structlog

from whatssound.accounts.member_store import MemberStore
from whatssound.accounts.service import Accounts
from whatssound.accounts.tokens import ACCESS_LIFE_S
from whatssound.ids import UserId

LOOK_EVERY_S: Final = 2.0
"""Two short reads; a command's change is heard as soon as expiry, mute and ban are."""

_log = structlog.get_logger(__name__)


class Elsewhere:
    """Ends access tokens of people whose password was changed, or who went, in another process.

    Use it with `async with`, so that it looks every two seconds. What it remembers is bounded by what happens to people
    within an access token's life.
    """

    def __init__(
        self,
        accounts: Accounts,
        store: MemberStore,
        *,
        now_ms: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._now_ms = now_ms
        self._sleep = sleep
        self._heard: dict[UserId, int] = {}
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._looking = asyncio.get_running_loop().create_task(self._look_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def look(self) -> None:
        """Hear of everything since the last time. Raises OSError."""
        known = await self._store.recalled_since(int(self._now_ms()) - ACCESS_LIFE_S * 1_000)
        new = {id: moment_ms for id, moment_ms in known.items() if self._heard.get(id) != moment_ms}
        self._heard = known
        self._accounts.recalled(new)

    async def _look_for_ever(self) -> None:
        while True:
            await self._sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Exception:  # a job's edge: the next look hears of it
                _log.exception("what was done to people elsewhere could not be read")
