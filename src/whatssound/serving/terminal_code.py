"""A QR code for a terminal, two rows of it in one line of text. Pure."""

from typing import Final

import segno

BLACK_ON_WHITE: Final = "\x1b[38;5;16m\x1b[48;5;231m"
"""Both colours are said, so that a dark terminal and a light one show the same, which every phone can read."""

PLAIN: Final = "\x1b[0m"

MARGIN: Final = 2
"""Of the four that the standard asks for; phones make do with two, and small windows have no more."""

_HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def code_lines(text: str) -> list[str]:
    """The code for `text`, a line of colours and half blocks each."""
    code = segno.make(text, error="m", micro=False)
    rows = [[module & 1 == 1 for module in row] for row in code.matrix_iter(border=MARGIN)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    drawn = ("".join(_HALVES[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in pairs)
    return [f"{BLACK_ON_WHITE}{line}{PLAIN}" for line in drawn]
