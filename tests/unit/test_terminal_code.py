"""The code in the terminal is the code that a phone reads, whatever colours the terminal has."""

import segno

from whatssound.serving.terminal_code import BLACK_ON_WHITE, MARGIN, PLAIN, code_lines

LINK = "http://192.168.178.123:8000"

DARK = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def test_the_lines_are_the_code_with_its_margin() -> None:
    lines = [line.removeprefix(BLACK_ON_WHITE).removesuffix(PLAIN) for line in code_lines(LINK)]
    rows = [[DARK[half][upper] for half in line] for line in lines for upper in (0, 1)]
    expected = [list(row) for row in segno.make(LINK, error="m", micro=False).matrix_iter(border=MARGIN)]
    assert rows[: len(expected)] == expected
    assert not any(any(row) for row in rows[len(expected) :])


def test_every_line_says_both_colours_and_ends_them() -> None:
    assert all(line.startswith(BLACK_ON_WHITE) and line.endswith(PLAIN) for line in code_lines(LINK))


def test_it_fits_a_small_terminal() -> None:
    lines = code_lines("https://a-rather-long-name.example.org/music")
    assert len(lines) <= 20
    assert max(len(line) - len(BLACK_ON_WHITE) - len(PLAIN) for line in lines) <= 40
