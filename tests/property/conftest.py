"""What property tests of sessions share."""

from collections.abc import Iterator

import pytest

from session_house import House, opened_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from opened_house(tmp_path_factory.mktemp("house"))
