"""How far the scans of the library's folders are."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal

from whatssound.audio.folder import Unreadable

MAX_SKIPPED: Final = 100
"""Skipped files that are named; the others are counted."""

ScanStage = Literal["waiting", "scanning", "done", "failed"]


@dataclass(frozen=True, slots=True)
class FolderScan:
    """The latest scan of one folder. `seen` counts its files of music, `skipped` names what could not be read.

    A `failed` one says in `reason` what to do; everything in it is offline until it can be seen again.
    """

    folder: str
    state: ScanStage = "waiting"
    seen: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    offline: int = 0
    unreadable: int = 0
    skipped: tuple[str, ...] = ()
    reason: str | None = None
    finished_ms: int | None = None


@dataclass(slots=True)
class Tally:
    """Counts while a scan runs."""

    folder: str
    state: ScanStage = "waiting"
    counts: Counter[str] = field(default_factory=Counter[str])
    skipped: list[str] = field(default_factory=list[str])
    reason: str | None = None
    finished_ms: int | None = None

    def begin(self) -> None:
        """A new scan: what the one before counted is gone."""
        self.state, self.reason = "scanning", None
        self.counts.clear()
        self.skipped.clear()

    def skip(self, what: Unreadable) -> None:
        """Count what cannot be read, and name the first hundred."""
        self.counts["unreadable"] += 1
        if len(self.skipped) < MAX_SKIPPED:
            self.skipped.append(f"{what.path}: {what.why}")

    def end(self, now_ms: float, failure: str | None = None) -> None:
        """Over; `failure` says why, when it went wrong. A failure that was told before stays."""
        self.reason = self.reason or failure
        self.state = "failed" if self.reason else "done"
        self.finished_ms = int(now_ms)

    def shown(self) -> FolderScan:
        """As it stands now."""
        count = self.counts
        return FolderScan(
            folder=self.folder,
            state=self.state,
            seen=count["seen"],
            added=count["added"],
            changed=count["changed"],
            moved=count["moved"],
            offline=count["offline"],
            unreadable=count["unreadable"],
            skipped=tuple(self.skipped),
            reason=self.reason,
            finished_ms=self.finished_ms,
        )
