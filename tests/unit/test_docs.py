"""Documentation that the code can contradict is held to it."""

import reference


def test_every_setting_stands_in_the_reference_with_its_default() -> None:
    page = reference.PAGE.read_text()
    assert page == reference.written(page), "run `.venv/bin/python tests/reference.py`: it writes the tables anew"
    for branch in ("Config", "Limits", "People", "EncoderLimits"):
        assert f"<!-- settings: {branch} -->" in page
