"""Draws the page's icons into web/public: `python web/icons/draw.py`, once, when the mark changes."""

from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

PUBLIC: Final = Path(__file__).parents[1] / "public"

BARS: Final = "M-9 2v6M-3-8v16M3-4v12M9 4v4"
"""The mark on a field of 32 whose middle is 0, 0, its bars standing on one ground as the waveform does; the same as in index.html."""

ICONS: Final = (
    ("icon-192.png", 192, 8, 1.0),
    ("icon-512.png", 512, 8, 1.0),
    ("icon-maskable-512.png", 512, 0, 0.72),
    ("apple-touch-icon.png", 180, 0, 0.88),
)
"""Name, pixels, rounding and size of the mark; systems that cut a shape of their own get a full field."""


def svg(rounding: float, size: float) -> str:
    """The mark on its field."""
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='-16 -16 32 32' style='display:block'>"
        f"<rect x='-16' y='-16' width='32' height='32' rx='{rounding}' fill='#ff9a76'/>"
        f"<path transform='scale({size})' d='{BARS}' stroke='#1f0c06' stroke-width='3.5'"
        " stroke-linecap='round'/></svg>"
    )


def main() -> None:
    """Draw all of them."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, pixels, rounding, size in ICONS:
            page = browser.new_page(viewport={"width": pixels, "height": pixels})
            page.set_content(f"<style>body{{margin:0;background:none}}</style>{svg(rounding, size)}")
            page.screenshot(path=str(PUBLIC / name), omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
