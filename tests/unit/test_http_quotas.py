"""What somebody's uploads may take, also when several arrive at once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from whatssound.accounts.user import Role, User
from whatssound.config import People
from whatssound.http.quotas import FORM_BYTES, Quotas
from whatssound.ids import UserId
from whatssound.wire.bodies import Storage
from whatssound.wire.errors import Refusal

ANA, BEN = User(UserId(1), "Ana", "invited"), User(UserId(2), "Ben", "invited")
QUOTA = 1_000_000


class Shelf:
    """What is stored, by person; a test may make an answer wait."""

    def __init__(self) -> None:
        self.bytes: dict[UserId, int] = {}
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, user_id: UserId) -> int:
        answer = self.bytes.get(user_id, 0)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return answer


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def quotas(shelf: Shelf) -> Quotas:
    return Quotas(People(quota_bytes=QUOTA), shelf)


async def test_an_upload_that_cannot_fit_is_refused_before_it_begins(quotas: Quotas, shelf: Shelf) -> None:
    shelf.bytes[ANA.id] = 600_000
    with pytest.raises(Refusal) as refusal:
        async with quotas.upload(ANA, 400_001 + FORM_BYTES):
            raise AssertionError("it began")
    assert (refusal.value.code, refusal.value.http_status) == ("too_large", 413)
    assert refusal.value.details == {"used_bytes": 600_000, "quota_bytes": QUOTA}
    async with quotas.upload(ANA, 400_000 + FORM_BYTES) as share:
        assert share is not None
        share.grew(400_000)


async def test_one_of_unknown_length_is_stopped_at_the_byte_too_many(quotas: Quotas, shelf: Shelf) -> None:
    shelf.bytes[ANA.id] = 600_000
    async with quotas.upload(ANA, None) as share:
        assert share is not None
        share.grew(400_000)
        with pytest.raises(Refusal, match="may take 1 MB, and 600 kB of that is used"):
            share.grew(400_001)


async def test_several_at_once_count_together_and_each_person_alone(quotas: Quotas) -> None:
    async with quotas.upload(ANA, None) as one, quotas.upload(ANA, None) as other, quotas.upload(BEN, None) as his:
        assert one is not None
        assert other is not None
        assert his is not None
        one.grew(600_000)
        other.grew(400_000)
        with pytest.raises(Refusal) as refusal:
            other.grew(400_001)
        assert refusal.value.details == {"used_bytes": 600_000, "quota_bytes": QUOTA}
        his.grew(QUOTA)


async def test_what_is_announced_is_kept_free_for_it(quotas: Quotas) -> None:
    async with quotas.upload(ANA, 600_000 + FORM_BYTES):
        with pytest.raises(Refusal):
            async with quotas.upload(ANA, 400_001 + FORM_BYTES):
                pass
    async with quotas.upload(ANA, QUOTA + FORM_BYTES):
        pass  # the first one broke off and takes nothing any more


async def test_what_was_kept_goes_on_counting_for_those_that_still_arrive(quotas: Quotas, shelf: Shelf) -> None:
    async with AsyncExitStack() as slow:
        other = await slow.enter_async_context(quotas.upload(ANA, None))
        assert other is not None
        async with quotas.upload(ANA, None) as one:
            assert one is not None
            one.grew(700_000)
            shelf.bytes[ANA.id] = 700_000
        other.grew(300_000)
        with pytest.raises(Refusal):
            other.grew(300_001)


async def test_one_that_is_kept_while_the_next_begins_is_not_lost_from_the_count(quotas: Quotas, shelf: Shelf) -> None:
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        one = await first.enter_async_context(quotas.upload(ANA, None))
        assert one is not None
        one.grew(700_000)

        async def the_first_is_kept() -> None:
            shelf.bytes[ANA.id] = 700_000

        shelf.meanwhile = the_first_is_kept  # the second one's look at the store misses it
        other = await second.enter_async_context(quotas.upload(ANA, None))
        assert other is not None
        await first.aclose()
        with pytest.raises(Refusal):
            other.grew(300_001)


@pytest.mark.parametrize("role", ["owner", "service"])
async def test_the_owner_has_no_limit(quotas: Quotas, shelf: Shelf, role: Role) -> None:
    shelf.bytes[ANA.id] = 10 * QUOTA
    owner = User(ANA.id, "DJ", role)
    async with quotas.upload(owner, 10**12) as share:
        assert share is None
    assert await quotas.storage(owner) == Storage(used_bytes=10 * QUOTA, quota_bytes=None)
    assert await quotas.storage(ANA) == Storage(used_bytes=10 * QUOTA, quota_bytes=QUOTA)


async def test_of_several_that_come_at_once_those_that_fit_are_let_in(quotas: Quotas, shelf: Shelf) -> None:
    outcomes: list[str] = []
    all_came, refused_twice = asyncio.Event(), asyncio.Event()
    shelf.meanwhile = all_came.wait  # the first one's look at the store takes until the others have come

    async def upload() -> None:
        try:
            async with quotas.upload(ANA, 600_000 + FORM_BYTES):
                outcomes.append("let in")
                await refused_twice.wait()
        except Refusal:
            outcomes.append("refused")
            if outcomes.count("refused") == 2:
                refused_twice.set()

    uploads = [asyncio.create_task(upload()) for _ in range(3)]
    for _ in uploads:
        await asyncio.sleep(0)
    all_came.set()
    await asyncio.gather(*uploads)
    assert sorted(outcomes) == ["let in", "refused", "refused"]
