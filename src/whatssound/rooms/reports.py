"""What the DJ's device tells of itself: that it is there, and where its output is. Pure."""

from dataclasses import dataclass, replace

from whatssound.rooms.commands import Report
from whatssound.rooms.playback import Playback, position_at, within

GONE_AFTER_MS = 15_000
"""A device nobody heard of for this long is gone: three missed beats of 5 s."""

REANCHOR_BEYOND_MS = 40.0
"""Below it a listener hears one sound, and a correction would be worse than the error."""

SETTLED_BEYOND_MS = 8.0
"""Right after a start listeners are finding their place anyway: the DJ's own place, once it is measured, is better
than the planned one. Below this the measurement itself is the larger part."""

SETTLING_MS = 5_000
"""For so long after a play, seek, skip or change of track a settled report counts."""

REANCHOR_EVERY_MS = 5_000
"""Each re-anchor moves every listener; more often would be heard as wobble. A settled one does not count: it comes
while they are finding their place."""

REPORT_AGE_MS = 10_000
"""Older reports, or ones from the future, come from a clock that cannot be trusted."""

AHEAD_MS = 20.0
"""A device knows our time to half a round trip, and on a fast line its report comes sooner than that."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the owner keeps of the DJ's device in memory only; it never changes a `rev`.

    `drift` is the direction of the newest report beyond the bound: -1, 1, or 0. `settled_ms` and `reanchored_ms` say
    when a settled report, or two others, moved the anchor.
    """

    seen_ms: float | None = None
    drift: int = 0
    settled_ms: float | None = None
    reanchored_ms: float | None = None


def gone_at_ms(playback: Playback, watch: Watch) -> float | None:
    """When the leading device counts as gone unless it is heard of; None while none leads."""
    if playback.device is None or watch.seen_ms is None:
        return None
    return watch.seen_ms + GONE_AFTER_MS


def after_report(playback: Playback, watch: Watch, report: Report, now_ms: float) -> tuple[Playback, Watch]:
    """What a report changes: nothing, the memory of a drift, or the anchor.

    A re-anchor needs two consecutive reports beyond 40 ms in the same direction, and 5 s since the one before. One
    settled report beyond 8 ms is enough right after a start, once.
    A stalled device freezes nothing: listeners play on, and it catches up with them.
    """
    if report.state == "stalled" and report.device == playback.device:
        return playback, replace(watch, drift=0)
    if not _counts(playback, report, now_ms):
        return playback, watch
    watch = replace(watch, seen_ms=max(watch.seen_ms or now_ms, now_ms))
    drift_ms = report.position_ms - position_at(playback, report.at_ms)
    if _settles(playback, watch, report) and abs(drift_ms) > SETTLED_BEYOND_MS:
        return _anchored(playback, report), replace(watch, drift=0, settled_ms=now_ms)
    drift = _direction(drift_ms)
    if drift == 0 or drift != watch.drift or _too_soon(watch, now_ms):
        return playback, replace(watch, drift=drift)
    return _anchored(playback, report), replace(watch, drift=0, reanchored_ms=now_ms)


def _anchored(playback: Playback, report: Report) -> Playback:
    return replace(playback, position_ms=within(playback, report.position_ms), anchor_ms=report.at_ms)


def _settles(playback: Playback, watch: Watch, report: Report) -> bool:
    """The anchor still is the one of the last start, and that was not long ago."""
    started_ms = playback.anchor_ms
    moved_ms = max(watch.settled_ms or 0, watch.reanchored_ms or 0)
    return report.settled and moved_ms < started_ms and report.at_ms - started_ms < SETTLING_MS


def _counts(playback: Playback, report: Report, now_ms: float) -> bool:
    leads = report.device is not None and report.device == playback.device
    current = report.rev == playback.rev and playback.playing and report.state == "playing"
    recent = -AHEAD_MS <= now_ms - report.at_ms < REPORT_AGE_MS
    return leads and current and recent and playback.anchor_ms <= report.at_ms


def _direction(drift_ms: float) -> int:
    if abs(drift_ms) <= REANCHOR_BEYOND_MS:
        return 0
    return 1 if drift_ms > 0 else -1


def _too_soon(watch: Watch, now_ms: float) -> bool:
    return watch.reanchored_ms is not None and now_ms - watch.reanchored_ms < REANCHOR_EVERY_MS
