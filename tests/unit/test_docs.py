"""Documentation that the code can contradict is held to it."""

from dataclasses import fields
from pathlib import Path

import reference
from whatssound.config import People

PEOPLE_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "people.md"


def test_every_setting_stands_in_the_reference_with_its_default() -> None:
    page = reference.PAGE.read_text()
    assert page == reference.written(page), "run `.venv/bin/python tests/reference.py`: it writes the tables anew"
    for branch in ("Config", "Limits", "People", "EncoderLimits"):
        assert f"<!-- settings: {branch} -->" in page


def test_every_setting_about_people_is_explained() -> None:
    page = PEOPLE_PAGE.read_text()
    for setting in fields(People):
        assert f"| `{setting.name.replace('_', '-')}` |" in page
