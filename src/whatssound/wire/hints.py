"""When to come back: the advice in a closed socket's reason, and chance, so that not all come at once. Pure."""

import re
from typing import Final

_HINT: Final = re.compile(r" retry_after_ms=(\d{1,7})\Z")


def scattered_ms(up_to_ms: float, chance: float) -> int:
    """A whole number of ms from 1 to `up_to_ms`, as `chance` (0 to below 1) has it."""
    return 1 + int(max(0.0, up_to_ms - 1) * chance)


def with_hint(reason: str, retry_after_ms: int) -> str:
    """A close frame's reason that says when to come back: `restart retry_after_ms=420`. `reason` is one word."""
    return f"{reason} retry_after_ms={retry_after_ms}"


def hint_ms(reason: str) -> int | None:
    """When a close frame's reason says to come back, in ms; None when it does not say."""
    found = _HINT.search(reason)
    return None if found is None else int(found[1])
