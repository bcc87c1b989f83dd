"""More listeners than one process can hold: several processes of them that count as one crowd."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Self

from crowd.listeners import MOST, End, Listeners, order_of

TELL_EVERY_S = 10


class Multitude:
    """`count` listeners, which `start` starts by the thousands; `said` is the number of the last message before."""

    def __init__(self, start: Callable[[int], Listeners], count: int) -> None:
        parts = -(-count // MOST)
        self.count = count
        self._start = start
        self._shares = [count // parts + (n < count % parts) for n in range(parts)]
        self._parts: list[Listeners] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        begun_s = time.monotonic()
        with ExitStack() as starting, ThreadPoolExecutor(len(self._shares)) as threads:
            self._parts = [self._start(share) for share in self._shares]
            for part in self._parts:
                starting.push(part)
            entering = [threads.submit(part.__enter__) for part in self._parts]
            while wait(entering, TELL_EVERY_S).not_done:
                joined = sum(part.joined for part in self._parts)
                print(f"       {joined:>6} of {self.count} have joined, {time.monotonic() - begun_s:.0f} s", flush=True)
            for one in entering:
                one.result()
            self._stack = starting.pop_all()
        self.join_s = time.monotonic() - begun_s
        self.refused = sum(part.refused for part in self._parts)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def until(self, number: int) -> float:
        """How long after its time the last listener had message `number`, in ms."""
        return max(part.until(number) for part in self._parts)

    def end(self) -> End:
        """Stop, and tell what was seen by all together; those count as wrong that did not hear what the first heard."""
        ends = [part.end() for part in self._parts]
        frames, wrong, closed, resumes, _ = (sum(column) for column in zip(*ends, strict=True))
        wrong += sum(end.order != ends[0].order for end in ends)
        return End(frames, wrong, closed, resumes, ends[0].order)


def is_right(end: End, said: int, count: int) -> bool:
    """Whether all of `count` have heard messages 1 to `said`: each once, in order."""
    return not end.wrong and not end.closed and end.frames == said * count and end.order == order_of(1, said)
