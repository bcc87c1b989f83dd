"""How far two browsers are apart, and how long a player takes to settle after a join and after a seek.

By in-page positions read together with server time; a rig that measures the true output comes later. The limits are
the product's promises: 40 ms and 5 s. `make bench F=sync`
"""

import tempfile
from pathlib import Path

from e2e.people import DJ_GOAL_MS, GOAL_MS, apart_ms, dj, listener, open_room, queue, upload
from music import make_wav
from rig import browsing, serving, show

JOINS = 8
SEEKS = 8
READINGS = 50


def main() -> None:
    joins, seeks, apart = [], [], []
    with browsing() as browser, serving() as server, tempfile.TemporaryDirectory() as folder:
        ana = dj(browser, server)
        address = open_room(ana, "Bench")
        upload(ana, make_wav(Path(folder) / "long.wav", seconds=600))
        queue(ana, "long")
        ana.part("play").click()
        ana.hears()
        for n in range(JOINS):
            ben = listener(browser)
            ben.open(address)
            ben.listen()
            joins.append(ben.settle(goal_ms=GOAL_MS)["tookMs"])
            seek(ana, 20_000 + 60_000 * (n % SEEKS))
            seeks.append(ben.settle(goal_ms=GOAL_MS)["tookMs"])
            ana.settle(goal_ms=DJ_GOAL_MS)
            apart += [abs(apart_ms(ana.probe(), ben.probe())) for _ in range(READINGS)]
            ben.close()
        ana.close()
    show("settled within 15 ms after a join", joins, limit=5_000, percent=95)
    show("settled within 15 ms after a seek", seeks, limit=5_000, percent=95)
    show("two browsers apart", apart, limit=40, percent=95)


def seek(person, position_ms: float) -> None:
    slider = person.part("seek")
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] * position_ms / 600_000, "y": box["height"] / 2})
    person.hears(f"Math.abs(p.positionMs - {position_ms}) < 5000")


if __name__ == "__main__":
    main()
