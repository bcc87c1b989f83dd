"""Which encode comes next."""

from whatssound.audio.schedule import Stage, Urgency, Waiting, next_to_start
from whatssound.ids import TrackId


def waiting(track: int, urgency: Urgency, stage: Stage = "first", order: int | None = None) -> Waiting:
    return Waiting(TrackId(track), stage, urgency, track if order is None else order)


def test_what_plays_now_comes_before_what_was_uploaded_earlier() -> None:
    jobs = [waiting(1, "upload"), waiting(2, "asked"), waiting(3, "queued"), waiting(4, "now")]
    assert next_to_start(jobs, 0) == jobs[3]


def test_the_earlier_of_two_equals_comes_first() -> None:
    jobs = [waiting(2, "upload"), waiting(1, "upload")]
    assert next_to_start(jobs, 0) == jobs[1]


def test_no_track_waits_for_another_ones_further_rungs() -> None:
    jobs = [waiting(1, "asked", "rest"), waiting(2, "asked")]
    assert next_to_start(jobs, 0) == jobs[1]


def test_further_rungs_wait_until_nothing_runs() -> None:
    jobs = [waiting(1, "asked", "rest")]
    assert next_to_start(jobs, 1) is None
    assert next_to_start(jobs, 0) == jobs[0]


def test_an_uploaded_album_leaves_a_place_for_what_is_wanted() -> None:
    assert next_to_start([waiting(1, "upload")], 2) is None
    assert next_to_start([waiting(1, "upload"), waiting(2, "queued")], 2) == waiting(2, "queued")


def test_not_even_the_urgent_run_without_a_limit() -> None:
    assert next_to_start([waiting(1, "now")], 5) == waiting(1, "now")
    assert next_to_start([waiting(1, "now")], 6) is None


def test_what_plays_now_starts_beside_a_queue_that_is_full() -> None:
    assert next_to_start([waiting(1, "queued")], 3) is None
    assert next_to_start([waiting(1, "queued"), waiting(2, "now")], 3) == waiting(2, "now")


def test_only_what_nobody_listens_for_is_background() -> None:
    assert [waiting(1, urgency).background for urgency in ("now", "queued", "upload", "asked")] == [0, 0, 1, 1]


def test_nothing_comes_of_nothing() -> None:
    assert next_to_start([], 0) is None
