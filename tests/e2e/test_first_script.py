"""What the first page has to load stays small: everything else comes when it is needed."""

import gzip
import re
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.browser

BUILT: Final = Path(__file__).parents[2] / "src/whatssound/http/page"
MOST_BYTES: Final = 70_000
"""Of JavaScript, compressed: the entry and what it imports before it can run."""


def test_the_first_script_is_small() -> None:
    entry = re.search(r'src="\./(assets/index-[^"]+\.js)"', (BUILT / "index.html").read_text())
    assert entry is not None
    wanted, found = [BUILT / entry[1]], set[Path]()
    while wanted:
        script = wanted.pop()
        found.add(script)
        imported = re.findall(r'(?:from|import)"(\./[^"]+\.js)"', script.read_text())
        wanted += [path for name in imported if (path := (script.parent / name).resolve()) not in found]
    assert len(found) > 1
    assert sum(len(gzip.compress(script.read_bytes())) for script in found) <= MOST_BYTES
