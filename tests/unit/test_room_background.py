"""Work that nobody waits for."""

import asyncio
import gc

from structlog.testing import capture_logs

from whatssound.rooms.background import Background


async def test_what_a_job_raises_is_logged_and_counted() -> None:
    background = Background()

    async def failing() -> None:
        raise OSError("no disk")

    with capture_logs() as logs:
        background.spawn(failing(), name="tick")
        await background.settle()
    assert [(line["job"], line["error"]) for line in logs] == [("tick", "OSError('no disk')")]
    assert (background.failures, len(background)) == (1, 0)


async def test_stopping_ends_what_runs_and_what_has_not_begun() -> None:
    background = Background()
    begun: list[str] = []

    async def job(name: str) -> None:
        begun.append(name)
        await asyncio.Event().wait()

    background.spawn(job("running"), name="job")
    await asyncio.sleep(0)
    background.spawn(job("not begun"), name="job")
    await background.stop()
    gc.collect()  # a job that was never awaited would say so here, and warnings are errors
    assert begun == ["running"]
    assert (background.failures, len(background)) == (0, 0)
