"""How long after the click music sounds: in a room that plays, and of a track that was never encoded.

The limits are the product's promises: 1 s in the demo room, 3 s for a track that nobody has encoded yet. The second
uses Debian's hyperrogue-music. `make bench F=first_sound`
"""

import sys
from pathlib import Path

from e2e.people import dj, listener, open_room, queue
from rig import PLAYING, browsing, serving, show

RUNS = 9
MUSIC = Path("/usr/share/hyperrogue/music")


def warm() -> list[float]:
    """Click "Listen" in the playing demo room, each time as somebody new."""
    taken = []
    with browsing() as browser, serving("--demo") as server:
        for _ in range(RUNS):
            person = listener(browser)
            person.open(server.url)
            person.part("room-link").first.click()
            person.part("listen").wait_for()
            taken.append(person.page.evaluate(PLAYING, "listen"))
            person.close()
    return taken


def never_encoded() -> list[float]:
    """Queue a track of a library folder that was only scanned, and click "play" at once."""
    taken = []
    with browsing() as browser, serving("--library", str(MUSIC)) as server:
        person = dj(browser, server)
        open_room(person, "Bench")
        titles = [
            track["title"]
            for track in server.call("GET", "/v1/tracks?limit=100", token=server.token("owner"))["tracks"]
        ]
        for title in titles[:RUNS]:
            person.part("library-search").fill(title)
            queue(person, title)
            button = "play" if person.part("play").is_visible() else "skip"
            taken.append(person.page.evaluate(CHANGED, button))
        person.close()
    return taken


CHANGED = PLAYING.replace("const start", "const before = window.whatssound?.probe()?.entryId; const start").replace(
    "!window.whatssound?.probe()?.playing",
    "!(p => p && p.playing && p.entryId !== before)(window.whatssound?.probe())",
)
"""As PLAYING, for another entry than the one that sounds."""


def main() -> None:
    show("click to sound, demo room", warm(), limit=1_000)
    if not MUSIC.is_dir():
        sys.exit("install hyperrogue-music for the second figure")
    show("click to sound, never encoded", never_encoded(), limit=3_000)


if __name__ == "__main__":
    main()
