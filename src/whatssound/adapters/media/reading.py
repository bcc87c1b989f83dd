"""What a reading child does, and the child itself: `python -m whatssound.adapters.media.reading <memory bytes> <nice>`.

It takes one question a line and answers in lines, until its standard input ends; so a parent that died is noticed.
"""

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from whatssound.adapters.media.tags import read_cover, read_tags
from whatssound.audio.folder import Listed, Unreadable, walk, why
from whatssound.audio.tags import Asked, Tags

THREADS: Final = 4
"""Files a child reads at a time: it mostly waits for the disk or the network."""


class AskWalk(msgspec.Struct, tag="walk"):
    folder: str


class AskTags(msgspec.Struct, tag="tags"):
    files: list[Asked]


class AskCover(msgspec.Struct, tag="cover"):
    file: Asked


class AskPresent(msgspec.Struct, tag="present"):
    paths: list[str]


Ask = AskWalk | AskTags | AskCover | AskPresent


class ToldPart(msgspec.Struct, tag="part"):
    listed: Listed


class ToldEnd(msgspec.Struct, tag="end"):
    """The walk is over; `errno` says what ended it before it began."""

    errno: int | None = None
    why: str = ""


class ToldTag(msgspec.Struct):
    """One file's answer: `tags`, or `why` there are none."""

    tags: Tags | None = None
    why: str = ""


class ToldTags(msgspec.Struct, tag="tags"):
    files: list[ToldTag]


class ToldCover(msgspec.Struct, tag="cover"):
    image: bytes | None


class ToldPresent(msgspec.Struct, tag="present"):
    paths: list[str]


Told = ToldPart | ToldEnd | ToldTags | ToldCover | ToldPresent


def tags_of(asked: Asked) -> Tags | Unreadable:
    """The tags, or why there are none. Blocking."""
    try:
        return read_tags(asked)
    except OSError as error:
        return Unreadable(asked.path, why(error))
    except MemoryError:
        return Unreadable(asked.path, "reading its tags takes too much memory")


def present_of(paths: Sequence[str]) -> set[str]:
    """Where something is. Blocking."""
    return {path for path in paths if os.path.lexists(path)}


def answers(ask: Ask, pool: ThreadPoolExecutor) -> Iterator[Told]:
    """One answer, or for a walk as many as there are parts."""
    match ask:
        case AskWalk(folder):
            yield from _walked(folder)
        case AskTags(files):
            yield ToldTags([_told(answer) for answer in pool.map(tags_of, files)])
        case AskCover(file):
            yield ToldCover(read_cover(file))
        case AskPresent(paths):
            yield ToldPresent(sorted(present_of(paths)))


def _walked(folder: str) -> Iterator[Told]:
    try:
        for part in walk(folder):
            yield ToldPart(part)
    except OSError as error:
        yield ToldEnd(error.errno or 0, error.strerror or "")
    else:
        yield ToldEnd()


def _told(answer: Tags | Unreadable) -> ToldTag:
    return ToldTag(why=answer.why) if isinstance(answer, Unreadable) else ToldTag(tags=answer)


def main(memory_bytes: int, nice: int) -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(nice)
    asks, encode = msgspec.json.Decoder(Ask), msgspec.json.Encoder().encode
    with ThreadPoolExecutor(THREADS) as pool, contextlib.suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            for told in answers(asks.decode(line), pool):
                sys.stdout.buffer.write(encode(told) + b"\n")
                sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
    # Not a return: threads that wait for a share that is gone must not keep a child whose parent is gone.
    os._exit(0)
