"""A key set in a file or at an address: read when it may be new, and what cannot be read changes nothing."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.tokens import AccessTokens
from whatssound.adapters.key_set import MAX_BYTES, AddressSource, FileSource, KeySet
from whatssound.config import StartError

ONE, TWO = (ECKey.generate_key("P-256", {"kid": kid}, auto_kid=False) for kid in ("one", "two"))


def key_set(*keys: ECKey) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def token(key: ECKey) -> str:
    return jwt.encode({"alg": "ES256", "kid": key.kid}, {"role": "anon", "exp": 2_000_000_000}, key)


class Impatient(FileSource):
    """A file that is looked at all the time."""

    every_s = least_s = 0.001


class Restless(AddressSource):
    """An address that may be asked at any moment, and is only when somebody wants it."""

    every_s, least_s = 3_600.0, 0.001


class Issuer:
    """A web server with a key set. `answer` writes what it says."""

    def __init__(self) -> None:
        self.keys = key_set(ONE)
        self.asked = self.talking = 0
        self.answer: Callable[[asyncio.StreamWriter], Awaitable[None]] = self.well
        self.url = ""

    async def well(self, writer: asyncio.StreamWriter) -> None:
        await self.says(writer, self.keys)

    async def says(self, writer: asyncio.StreamWriter, body: bytes, status: str = "200 OK", more: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{more}\r\n"
        writer.write(head.encode() + body)

    async def asked_by(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talking += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await self.answer(writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.talking -= 1


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    server = await asyncio.start_server(issuer.asked_by, "127.0.0.1", 0)
    async with server:
        issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys.json"
        yield issuer
        await until(lambda: issuer.talking == 0)


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens(b"k" * 32, now_ms=lambda: 1_800_000_000_000)


def takes(tokens: AccessTokens, key: ECKey) -> bool:
    try:
        return tokens.verify(token(key)).user_id is None
    except TokenRefusal:
        return False


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.005)


async def test_a_file_is_read_at_the_start_and_again_when_it_changes(tmp_path: Path, tokens: AccessTokens) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(ONE))
    async with KeySet(Impatient(file), tokens.trust, name="keys") as keys:
        assert (takes(tokens, ONE), takes(tokens, TWO)) == (True, False)
        file.write_bytes(b'{"keys": [')
        await until(lambda: keys.statistics().failures > 0)
        assert takes(tokens, ONE)
        file.unlink()
        failures = keys.statistics().failures
        await until(lambda: keys.statistics().failures > failures + 1)
        assert takes(tokens, ONE)
        file.write_bytes(key_set(TWO))
        await until(lambda: takes(tokens, TWO))
        assert not takes(tokens, ONE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"keys", "no JSON"), (b"[]", "no JSON Web Key Set"), (b" " * (MAX_BYTES + 1), "larger")],
    ids=["missing", "no JSON", "no set", "huge"],
)
async def test_a_file_that_cannot_be_used_at_the_start_is_a_start_error(
    tmp_path: Path, tokens: AccessTokens, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartError, match=reason) as refused:
        async with KeySet.of(str(file), tokens.trust):
            pass
    assert "--jwks" in str(refused.value)


async def test_an_address_is_asked_at_the_start_and_when_a_key_is_not_known(
    issuer: Issuer, tokens: AccessTokens
) -> None:
    keys = KeySet(Restless(issuer.url), tokens.trust, name="issuer")
    tokens.on_unknown_key(keys.unknown_key)
    async with keys:
        assert takes(tokens, ONE)
        issuer.keys = key_set(ONE, TWO)
        assert issuer.asked == 1
        assert not takes(tokens, TWO)
        await until(lambda: issuer.asked == 2)
        await until(lambda: takes(tokens, TWO))


async def test_an_address_is_not_asked_more_often_for_all_the_keys_that_somebody_invents(
    issuer: Issuer, tokens: AccessTokens
) -> None:
    keys = KeySet(AddressSource(issuer.url), tokens.trust, name="issuer")
    tokens.on_unknown_key(keys.unknown_key)
    async with keys:
        for _ in range(100):
            assert not takes(tokens, TWO)
            await asyncio.sleep(0)
        assert issuer.asked == 1


async def test_an_address_that_is_late_does_not_keep_the_server_from_starting(
    issuer: Issuer, tokens: AccessTokens
) -> None:
    async def not_yet(writer: asyncio.StreamWriter) -> None:
        await issuer.says(writer, b"", "503 Not Yet")

    issuer.answer = not_yet
    async with KeySet(Restless(issuer.url), tokens.trust, name="issuer") as keys:
        assert not takes(tokens, ONE)
        assert keys.statistics().failures >= 1
        issuer.answer = issuer.well
        await until(lambda: takes(tokens, ONE))


async def test_what_an_address_says_wrongly_leaves_the_keys_that_were_read_last(
    issuer: Issuer, tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def redirects(writer: asyncio.StreamWriter) -> None:
        await issuer.says(writer, b"", "302 Found", f"location: {issuer.url}\r\n")

    async def no_http(writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n\r\n")

    async def no_keys(writer: asyncio.StreamWriter) -> None:
        await issuer.says(writer, b"<html>")

    async def too_much(writer: asyncio.StreamWriter) -> None:
        await issuer.says(writer, b" " * (MAX_BYTES + 10))

    given_up = asyncio.Event()

    async def silent(writer: asyncio.StreamWriter) -> None:
        await given_up.wait()

    async def drips(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.005)

    keys = KeySet(Restless(issuer.url), tokens.trust, name="issuer")
    assert await keys.look() is None
    said: list[str | None] = []
    for answer in (redirects, no_http, no_keys, too_much, silent, drips):
        issuer.answer = answer
        if answer in (silent, drips):
            monkeypatch.setattr("whatssound.adapters.key_set.FETCH_S", 0.05)
        said.append(await keys.look())
        assert takes(tokens, ONE)
    given_up.set()
    assert [reason and any(word in reason for word in words) for reason, words in zip(said, WORDS, strict=True)] == (
        [True] * 6
    ), said
    assert issuer.asked == 7, "a redirection was followed"


WORDS = (["302"], ["HTTP"], ["no JSON"], ["larger"], ["timed out", "longer"], ["longer", "timed out"])
"""Of each reason one; on a busy machine a drip may come too late to be one."""
