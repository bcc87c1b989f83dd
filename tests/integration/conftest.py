"""What the tests of the library share."""

from pathlib import Path

import pytest

from library_folder import Music


@pytest.fixture(scope="session")
def music(ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Music:
    return Music(ffmpeg, tmp_path_factory.mktemp("stock"))
