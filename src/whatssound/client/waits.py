"""How long to wait before the next try, so that a restart is not met by everybody at once. Pure."""

from collections.abc import Sequence
from typing import Final

from whatssound.wire.hints import hint_ms

CONNECT_MS: Final = (50, 150, 300, 600, 1_000, 2_000, 3_000)
"""Between tries to open the socket; the last one decides how late everybody is back after a long absence."""

JOIN_MS: Final = (300, 1_000, 2_000, 5_000)
"""Between tries to join, after a refusal that passes."""

RESTART_MS: Final = 2_000
"""A server that restarts (1012) is met again within so long, each client at a moment of its own."""

RESTART = 1012

LONGEST_MS: Final = 30_000
"""However long a server asks to wait."""


def wait_ms(steps: Sequence[int], tries: int, chance: float, *, retry_after_ms: int | None = None) -> float:
    """The wait before the try after `tries` that failed: half as long to half as long again, by `chance` (0 … 1).

    What the server asks for with `retry_after_ms` is kept, and scattered by up to half of it more.
    """
    step = steps[min(max(tries, 1), len(steps)) - 1]
    scattered = step * (0.5 + chance)
    return scattered if retry_after_ms is None else max(scattered, retry_after_ms * (1 + chance / 2))


def wait_after_close_ms(code: int, reason: str, chance: float) -> float:
    """The wait before the first try after the server closed the socket with `code` and `reason`.

    When the reason says when to come back, that counts: the server gave each client another moment. Else 4008 (too far
    behind) and a connection that broke are tried again soon; a restart takes a moment.
    """
    if (asked_ms := hint_ms(reason)) is not None:
        return min(asked_ms, LONGEST_MS)
    return RESTART_MS * chance if code == RESTART else wait_ms(CONNECT_MS, 1, chance)


def renew_after_s(life_s: float) -> float:
    """When a token that lives `life_s` is renewed: at 80 % of its life."""
    return 0.8 * life_s
