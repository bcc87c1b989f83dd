"""When somebody deletes their account: first they are gone, then everything of theirs goes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from whatssound.accounts.member_store import MemberStore
from whatssound.accounts.service import Accounts
from whatssound.accounts.user import User
from whatssound.ids import UserId
from whatssound.wire.errors import Refusal

AGAIN_S: Final = 60.0
"""After a step that failed (a full disk, for example), all steps are tried again this much later."""

Step = Callable[[UserId], Awaitable[object]]
"""Removes one kind of thing of somebody who has gone; repeating it does no harm."""

_log = structlog.get_logger(__name__)


class Departures:
    """Deletes accounts, with all that other parts keep of them. What was begun is finished, if need be after a restart.

    Guests who stayed away for too long go the same way, when they leave anything. Use it with `async with`: it then
    takes up what an earlier process left, and stops at the end.
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
        self._steps: list[Step] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def on_gone(self, step: Step) -> None:
        """Have `step` done for everybody who goes, after the steps that were named before it."""
        self._steps.append(step)

    async def __aenter__(self) -> "Departures":
        for id in await self._store.departing():
            self._begin(id)
        self._accounts.on_forgotten(self._begin)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def delete(self, user: User) -> None:
        """Delete an account. Returns when nothing is left, or when what is left has to be tried again later.

        Raises Refusal `forbidden` to the owner and to services, `unauthorized` when the account is gone already.
        """
        if user.role in ("owner", "service"):
            raise Refusal("forbidden", "This account owns the server and cannot be deleted; delete the data folder.")
        if not await self._store.depart(user.id, now_ms=int(self._now_ms())):
            raise Refusal("unauthorized", "This account is gone already.")
        self._accounts.recall(user.id)
        first_try = asyncio.Event()
        self._begin(user.id, first_try)
        await first_try.wait()

    def _begin(self, id: UserId, first_try: asyncio.Event | None = None) -> None:
        task = asyncio.get_running_loop().create_task(self._see_off(id, first_try or asyncio.Event()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_off(self, id: UserId, first_try: asyncio.Event) -> None:
        try:
            while not await self._stepped(id):
                first_try.set()
                await self._sleep(AGAIN_S)
        finally:
            first_try.set()

    async def _stepped(self, id: UserId) -> bool:
        try:
            for step in self._steps:
                await step(id)
            await self._store.departed(id)
        except Exception:  # the job's edge: it is tried again, and the other departures go on
            _log.exception("what somebody left could not be removed yet", user_id=str(id))
            return False
        return True
