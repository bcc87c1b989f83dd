"""A JSON Web Key Set that others publish, in a file or at an address: read at the start and whenever it may be new."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import structlog

from whatssound.accounts.trusted_keys import TrustedKeys, trusted_keys
from whatssound.config import StartError

MAX_BYTES: Final = 256 * 1024
"""Of a key set; 100 RSA keys of 4,096 bits take 80 KB."""

FETCH_S: Final = 5.0
"""How long an address may take to answer, in all."""

_CHUNK_BYTES: Final = 16 * 1024

_log = structlog.get_logger("whatssound.key_set")


class Source(Protocol):
    """Where a key set is."""

    @property
    def every_s(self) -> float:
        """After how long it is looked at again."""
        ...

    @property
    def least_s(self) -> float:
        """It is not looked at more often than that, whoever asks and however often it fails."""
        ...

    def read(self) -> bytes:
        """The key set as it is now; blocks for a bounded time. Raises OSError, ValueError with a reason."""
        ...


class FileSource:
    """A file, looked at every 2 s."""

    every_s = least_s = 2.0

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> bytes:
        """As Source."""
        with self._file.open("rb") as opened:
            return _bounded(opened.read(MAX_BYTES + 1))


class AddressSource:
    """An address, asked every 5 minutes and, when a token names a key that is not known, at most every 30 s."""

    every_s, least_s = 300.0, 30.0

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = build_opener(_NoRedirect())

    def read(self) -> bytes:
        """As Source; redirections are not followed, since who redirects would decide whose tokens are taken."""
        until_s = time.monotonic() + FETCH_S
        asked = Request(self._url, headers={"accept": "application/json"})
        try:
            with self._opener.open(asked, timeout=FETCH_S) as answer:
                return _bounded(_read_until(answer, until_s))
        except HTTPError as problem:
            raise ValueError(f"answers {problem.code}") from problem
        except HTTPException as problem:
            raise ValueError("does not speak HTTP") from problem


def source_at(place: str) -> Source:
    """What reads the key set at `place`, a path or an http(s) address."""
    return AddressSource(place) if "://" in place else FileSource(Path(place))


class KeySetStatistics(NamedTuple):
    """What came of looking."""

    keys: int
    """A key counts once for each algorithm that it may be used with."""
    looks: int
    failures: int


class KeySet:
    """Follows a key set while it is entered with `async with`, and gives its keys to `trust`.

    What cannot be read leaves the keys that were read last. Entering raises StartError for a file that cannot be read;
    an address that does not answer is asked again, and until then no keys are known.
    """

    def __init__(self, source: Source, trust: Callable[[TrustedKeys], None], *, name: str) -> None:
        self._source = source
        self._trust = trust
        self._name = name
        self._known = b""
        self._keys = self._looks = self._failures = 0
        self._failing = False
        self._asked = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, place: str, trust: Callable[[TrustedKeys], None]) -> Self:
        """The one at `place`, a path or an http(s) address."""
        return cls(source_at(place), trust, name=place)

    async def __aenter__(self) -> Self:
        problem = await self.look()
        if problem is not None and isinstance(self._source, FileSource):
            raise StartError(f"The key set {self._name} cannot be used: it {problem}. Mend it, or leave out --jwks.")
        self._following = asyncio.get_running_loop().create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def unknown_key(self) -> None:
        """A token named a key that is not known: look soon."""
        self._asked.set()

    async def look(self) -> str | None:
        """Read it; why that failed, completing "it …", or None."""
        self._looks += 1
        try:
            said = await asyncio.to_thread(self._source.read)
            if said != self._known:
                self._take(said)
        except (OSError, ValueError) as problem:
            return self._failed(reason_of(problem))
        self._failing = False
        return None

    def statistics(self) -> KeySetStatistics:
        """What came of looking."""
        return KeySetStatistics(self._keys, self._looks, self._failures)

    def _take(self, said: bytes) -> None:
        keys, left_out = trusted_keys(said)
        self._known, self._keys = said, len(keys)
        for reason in left_out:
            _log.warning("a key is left out", key_set=self._name, reason=reason)
        _log.info("a key set was read", key_set=self._name, keys=len({kid for kid, _ in keys}))
        self._trust(keys)

    def _failed(self, reason: str) -> str:
        self._failures += 1
        if not self._failing:
            self._failing = True
            _log.warning("a key set cannot be read; the keys read before stay", key_set=self._name, reason=reason)
        return reason

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._source.least_s)
            if self._known and not self._failing:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._source.every_s - self._source.least_s):
                        await self._asked.wait()
            self._asked.clear()
            await self.look()


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def reason_of(problem: OSError | ValueError) -> str:
    """Why a key set could not be read, completing "it …"."""
    if isinstance(problem, ValueError):
        return str(problem)
    return f"cannot be read: {getattr(problem, 'reason', None) or problem.strerror or problem}"


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES // 1024} KiB")
    return data


def _read_until(answer: HTTPResponse, until_s: float) -> bytes:
    """All of an answer, or more than is allowed of it. Raises TimeoutError when it drips."""
    data = bytearray()
    while len(data) <= MAX_BYTES and (chunk := answer.read1(_CHUNK_BYTES)):
        data += chunk
        if time.monotonic() > until_s:
            raise TimeoutError(f"it took longer than {FETCH_S:g} s")
    return bytes(data)
