"""Who makes way in a full cache."""

from whatssound.audio.eviction import PROTECTED_MS, Kept, Safe, victim
from whatssound.ids import TrackId

NOW_MS = 1_000_000.0


def kept(key: str, *, used_ms: float = 0, asked_ms: float = 0, tracks: tuple[int, ...] = (1,)) -> Kept:
    return Kept(key, 10, used_ms, asked_ms, {TrackId(track) for track in tracks})


def safe(*tracks: int, keys: tuple[str, ...] = ()) -> Safe:
    return Safe({TrackId(track) for track in tracks}, keys, NOW_MS)


def gone(all_kept: list[Kept], what: Safe) -> str | None:
    found = victim(all_kept, what)
    return None if found is None else found.blob_key


def test_the_least_recently_used_goes_first() -> None:
    assert gone([kept("b", used_ms=200), kept("a", used_ms=100), kept("c", used_ms=300)], safe()) == "a"


def test_what_no_track_needs_goes_before_all_others_at_once() -> None:
    assert gone([kept("old", used_ms=1), kept("orphan", used_ms=NOW_MS, tracks=())], safe()) == "orphan"


def test_what_is_in_a_queue_stays_for_either_of_its_tracks() -> None:
    assert gone([kept("a", used_ms=1, tracks=(1, 2)), kept("b", used_ms=2, tracks=(3,))], safe(2)) == "b"
    assert gone([kept("a", tracks=(1, 2)), kept("b", tracks=(3,))], safe(2, 3)) is None


def test_what_is_being_encoded_stays() -> None:
    assert gone([kept("a")], safe(keys=("a",))) is None


def test_what_was_asked_for_or_sent_just_now_stays_for_a_while() -> None:
    assert gone([kept("a", asked_ms=NOW_MS - PROTECTED_MS + 1)], safe()) is None
    assert gone([kept("a", used_ms=NOW_MS - PROTECTED_MS + 1)], safe()) is None
    assert gone([kept("a", asked_ms=NOW_MS - PROTECTED_MS)], safe()) == "a"


def test_being_asked_for_is_not_being_played() -> None:
    asked = kept("asked", used_ms=1, asked_ms=NOW_MS - PROTECTED_MS)
    assert gone([asked, kept("played", used_ms=2)], safe()) == "asked"
