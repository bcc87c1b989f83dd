"""One thing that was looked at, and what to do about it. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["ok", "note", "mend"]
"""`ok` · `note`: it works, and could work better · `mend`: something that people want does not work."""

_LABELS: Final[dict[State, str]] = {"ok": "ok  ", "note": "note", "mend": "MEND"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen, and how to mend it; `how` may have several lines."""

    state: State
    what: str
    how: str = ""

    def lines(self) -> list[str]:
        """As a person reads it."""
        return [f"{_LABELS[self.state]}  {self.what}", *(f"      {line}" for line in self.how.splitlines())]


def ok(what: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", what)


def note(what: str, how: str) -> Finding:
    """It works, and could work better."""
    return Finding("note", what, how)


def mend(what: str, how: str) -> Finding:
    """Something does not work."""
    return Finding("mend", what, how)
