"""What can be asked of a room, after the wire was read and its ids and times were found. Pure.

`device` is the device that a transport command came from; it leads from then on, None meaning the auto-DJ.
`lead_ms` is how far ahead its sound begins, so that it reaches everybody before its first note.
"""

from dataclasses import dataclass
from typing import Literal

from whatssound.wire import events


@dataclass(frozen=True, slots=True)
class Play:
    """Resume, or start `entry_id`, or the queue's head when nothing is loaded."""

    device: str | None
    entry_id: str | None = None
    position_ms: float | None = None
    lead_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Pause:
    device: str | None


@dataclass(frozen=True, slots=True)
class Seek:
    """Nothing happens when `entry_id` is given and no longer sounds."""

    device: str | None
    position_ms: float
    entry_id: str | None = None
    lead_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Skip:
    """Go to the queue's head; nothing happens when `entry_id` is given and no longer sounds."""

    device: str | None
    entry_id: str | None = None
    lead_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """Where the DJ's output was at server time `at_ms`, while `rev` was its playback part."""

    device: str | None
    position_ms: float
    at_ms: float
    rev: int
    state: Literal["playing", "stalled"]
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: go on to the next track, or notice that the DJ's device is gone."""


@dataclass(frozen=True, slots=True)
class AddEntries:
    """One entry or several, all or none, all added by the same person.

    A nonce that this person used before changes nothing; `Room.entries_of_nonce` tells what it added.
    """

    entries: tuple[events.Entry, ...]
    nonce: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveEntry:
    entry_id: str


@dataclass(frozen=True, slots=True)
class MoveEntry:
    entry_id: str
    before: str | None


@dataclass(frozen=True, slots=True)
class TrackChanged:
    """A track's tags or exact duration became known, or it cannot be played at all."""

    track: events.Track
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Mute:
    """`until_ms` None lifts it."""

    user: events.User
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Ban:
    """`banned` False lifts it."""

    user: events.User
    banned: bool


@dataclass(frozen=True, slots=True)
class Appoint:
    """Make somebody a moderator, or a listener again."""

    user: events.User
    moderator: bool


@dataclass(frozen=True, slots=True)
class Change:
    """Another title or other settings; what is None stays."""

    title: str | None = None
    settings: events.Settings | None = None


@dataclass(frozen=True, slots=True)
class NameDj:
    """The DJ took another name."""

    name: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Somebody's account is deleted: their name goes from everything that is kept of the room, ended ones too."""

    user_id: str


@dataclass(frozen=True, slots=True)
class End:
    """End the room for good."""


Transport = Play | Pause | Seek | Skip
Command = (
    Transport
    | Report
    | Tick
    | AddEntries
    | RemoveEntry
    | MoveEntry
    | TrackChanged
    | Mute
    | Ban
    | Appoint
    | Change
    | NameDj
    | Forget
    | End
)
