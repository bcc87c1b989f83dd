"""Which encode comes next, and beside how many it may start."""

from whatssound.audio.schedule import Job, Stage, Urgency
from whatssound.ids import TrackId


def job(track: int, urgency: Urgency, stage: Stage = "first", asked_ms: int | None = None) -> Job:
    return Job(TrackId(track), stage, urgency, track if asked_ms is None else asked_ms)


def in_order(*jobs: Job) -> list[int]:
    return [job.track_id for job in sorted(jobs, key=lambda job: job.rank)]


def test_what_plays_now_comes_before_what_was_uploaded_earlier() -> None:
    assert in_order(job(1, "upload"), job(2, "asked"), job(3, "queued"), job(4, "now")) == [4, 3, 1, 2]


def test_the_earlier_of_two_equals_comes_first() -> None:
    assert in_order(job(1, "upload", asked_ms=2), job(2, "upload", asked_ms=1)) == [2, 1]
    assert in_order(job(2, "upload", asked_ms=1), job(1, "upload", asked_ms=1)) == [1, 2]


def test_no_track_waits_for_another_ones_further_rungs_that_nobody_wants_now() -> None:
    assert in_order(job(1, "queued", "rest"), job(2, "asked")) == [2, 1]
    assert in_order(job(1, "now", "rest"), job(2, "queued")) == [1, 2]


def test_of_one_stage_the_more_urgent_has_the_earlier_turn() -> None:
    urgencies: list[Urgency] = ["now", "queued", "upload", "asked"]
    stages: list[Stage] = ["first", "rest", "ogg"]
    for stage in stages:
        turns = [job(1, urgency, stage).turn for urgency in urgencies]
        assert turns == sorted(set(turns))


def test_further_rungs_wait_until_nothing_runs() -> None:
    assert job(1, "asked", "rest").ceiling == 1


def test_an_uploaded_album_leaves_a_place_for_what_is_wanted() -> None:
    assert job(1, "upload").ceiling < job(1, "queued").ceiling < job(1, "now").ceiling


def test_not_even_the_urgent_run_without_a_limit() -> None:
    assert job(1, "now", "rest").ceiling == job(1, "now").ceiling == 6


def test_only_what_nobody_listens_for_is_background() -> None:
    urgencies: list[Urgency] = ["now", "queued", "upload", "asked"]
    assert [job(1, urgency).background for urgency in urgencies] == [0, 0, 1, 1]
