"""Hashing passwords beside the event loop, bounded in threads and in those who wait."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from whatssound.adapters import argon2_passwords
from whatssound.adapters.argon2_passwords import Argon2Passwords
from whatssound.wire.errors import Refusal


@pytest.fixture
async def passwords() -> AsyncIterator[Argon2Passwords]:
    passwords = Argon2Passwords(memory_kib=64, threads=2, max_waiting=100)
    yield passwords
    await passwords.close()


async def test_a_hash_fits_its_password_alone_and_is_salted(passwords: Argon2Passwords) -> None:
    one, other = await passwords.hash("Moonlight Sonata"), await passwords.hash("Moonlight Sonata")
    assert one != other
    assert one.startswith("$argon2id$")
    assert (await passwords.verify("Moonlight Sonata", one)).fits
    assert not (await passwords.verify("moonlight sonata", one)).fits


@pytest.mark.parametrize("hash", ["", "not a hash", "$argon2id$v=19$m=64,t=2,p=1$broken"])
async def test_what_is_no_hash_fits_nothing(passwords: Argon2Passwords, hash: str) -> None:
    assert not (await passwords.verify("Moonlight Sonata", hash)).fits


async def test_nobody_s_password_is_really_worked_at(passwords: Argon2Passwords) -> None:
    before = passwords.statistics().hashed
    assert not (await passwords.verify("Moonlight Sonata", None)).fits
    assert passwords.statistics().hashed == before + 1
    nobodys = argon2_passwords._hash_of_nothing(argon2_passwords.MEMORY_KIB)
    real = Argon2Passwords()
    made = await real.hash("x")
    await real.close()
    assert nobodys.split("$")[:4] == made.split("$")[:4]
    assert len(nobodys) == len(made)


async def test_a_hash_made_with_other_parameters_is_outdated(passwords: Argon2Passwords) -> None:
    stronger = Argon2Passwords(memory_kib=128)
    hash = await passwords.hash("Moonlight Sonata")
    assert not (await passwords.verify("Moonlight Sonata", hash)).outdated
    assert (await stronger.verify("Moonlight Sonata", hash)) == (True, True)
    assert (await stronger.verify("something else", hash)) == (False, False)
    await stronger.close()


class Slow(Argon2Passwords):
    """Each password takes until the test lets it go."""

    def __init__(self) -> None:
        super().__init__(memory_kib=64, threads=2, max_waiting=100)
        self.go_on = threading.Event()
        self.at_once = self.most_at_once = 0

    def _fits(self, hash: str, password: str) -> bool:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.go_on.wait(20)
        self.at_once -= 1
        return super()._fits(hash, password)


async def test_a_hundred_at_once_wait_for_two_threads_the_loop_goes_on_and_the_next_is_refused() -> None:
    slow = Slow()
    logins = [asyncio.create_task(slow.verify("x", None)) for _ in range(100)]
    await asyncio.sleep(0)  # they have all asked, and the loop is free
    assert slow.statistics().waiting == 100
    with pytest.raises(Refusal) as refusal:
        await slow.verify("x", None)
    assert (refusal.value.code, refusal.value.retry_after_ms) == ("overloaded", 3_000)
    slow.go_on.set()
    await asyncio.gather(*logins)
    assert slow.most_at_once <= 2
    assert slow.statistics() == argon2_passwords.HashingStatistics(waiting=0, hashed=100, refused=1)
    await slow.close()


async def test_who_gives_up_still_counts_until_the_thread_is_free() -> None:
    slow = Slow()
    login = asyncio.create_task(slow.verify("x", None))
    await asyncio.sleep(0)
    login.cancel()
    await asyncio.gather(login, return_exceptions=True)
    assert slow.statistics().waiting == 1
    slow.go_on.set()
    await slow.verify("x", None)
    await slow.close()  # joins the threads
    await asyncio.to_thread(lambda: None)  # the loop has heard from them before it hears from this one
    assert slow.statistics().waiting == 0
