"""What sounds in a room and where it is at which server time. Pure; clients compute with it too."""

from dataclasses import dataclass, replace
from typing import Protocol

from whatssound.wire import events


class Anchored(Protocol):
    """Anything that says where the sound is at which server time: a part of a room or its event on the wire."""

    @property
    def position_ms(self) -> float: ...
    @property
    def anchor_ms(self) -> float: ...
    @property
    def rate(self) -> float: ...
    @property
    def playing(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Playback:
    """The entry that sounds. `device` is the DJ's device that leads; None while the auto-DJ does."""

    rev: int = 0
    entry: events.Entry | None = None
    position_ms: float = 0.0
    anchor_ms: float = 0.0
    rate: float = 1.0
    playing: bool = False
    device: str | None = None
    began_ms: float | None = None
    """When this entry began to sound; pauses and seeks do not change it. None while it has not sounded."""

    @property
    def entry_id(self) -> str | None:
        """The id of the entry that sounds, or None."""
        return None if self.entry is None else self.entry.id

    @property
    def duration_ms(self) -> int | None:
        """How long the entry is; None while nobody knows."""
        return None if self.entry is None else self.entry.track.duration_ms or None

    def as_wire(self) -> events.Playback:
        """The part as listeners receive it; the track's `hls` is not signed here."""
        return events.Playback(
            rev=self.rev,
            entry_id=self.entry_id,
            track=None if self.entry is None else self.entry.track,
            position_ms=self.position_ms,
            anchor_ms=self.anchor_ms,
            rate=self.rate,
            playing=self.playing,
            device=self.device,
        )


def position_at(playback: Anchored, at_ms: float) -> float:
    """Where the sound is at server time `at_ms`, in ms from the track's start; not cut at its end.

    An anchor in the future means silence until then, at `position_ms`.
    """
    if not playback.playing or at_ms <= playback.anchor_ms:
        return playback.position_ms
    return playback.position_ms + (at_ms - playback.anchor_ms) * playback.rate


def ends_at_ms(playback: Playback) -> float | None:
    """The server time at which the entry ends; None when it does not play or nobody knows how long it is."""
    duration_ms = playback.duration_ms
    if not playback.playing or duration_ms is None:
        return None
    return playback.anchor_ms + max(0.0, duration_ms - playback.position_ms) / playback.rate


def within(playback: Playback, position_ms: float) -> float:
    """`position_ms` cut to the entry's length."""
    duration_ms = playback.duration_ms
    return max(0.0, position_ms if duration_ms is None else min(position_ms, float(duration_ms)))


def started(playback: Playback, entry: events.Entry, *, position_ms: float, at_ms: float, playing: bool) -> Playback:
    """`entry` from `position_ms` on, at server time `at_ms`; the leading device stays."""
    began_ms = at_ms if playing else None
    fresh = replace(playback, entry=entry, anchor_ms=at_ms, rate=1.0, playing=playing, began_ms=began_ms)
    return replace(fresh, position_ms=within(fresh, position_ms))


def resumed(playback: Playback, *, at_ms: float, position_ms: float | None = None) -> Playback:
    """The same entry playing; without a position, one that plays already is left alone."""
    if position_ms is None and playback.playing:
        return playback
    position_ms = playback.position_ms if position_ms is None else within(playback, position_ms)
    began_ms = at_ms if playback.began_ms is None else playback.began_ms
    return replace(playback, playing=True, position_ms=position_ms, anchor_ms=at_ms, began_ms=began_ms)


def paused(playback: Playback, *, at_ms: float) -> Playback:
    """The same entry silent where it is at `at_ms`; one that is silent already is left alone."""
    if not playback.playing:
        return playback
    position_ms = within(playback, position_at(playback, at_ms))
    return replace(playback, playing=False, position_ms=position_ms, anchor_ms=at_ms)


def sought(playback: Playback, *, position_ms: float, at_ms: float) -> Playback:
    """The same entry at another position, playing or silent as before."""
    target_ms = within(playback, position_ms)
    if not playback.playing and playback.position_ms == target_ms:
        return playback
    return replace(playback, position_ms=target_ms, anchor_ms=at_ms)


def stopped(playback: Playback, *, at_ms: float) -> Playback:
    """Nothing sounds and nothing is loaded; the leading device stays."""
    return replace(playback, entry=None, position_ms=0.0, anchor_ms=at_ms, rate=1.0, playing=False, began_ms=None)
