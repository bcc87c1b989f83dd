"""`whatssound doctor`."""

import sys

from whatssound.cli.settings import QuietSettings
from whatssound.config import Config
from whatssound.doctor import check_up


def doctor(*, settings: QuietSettings = Config()) -> None:  # noqa: B008 - frozen
    """Look at everything that must work, with the settings in effect, and say how to mend what does not."""
    broken = 0
    for finding in check_up(settings):
        print("\n".join(finding.lines()), flush=True)  # noqa: T201
        broken += finding.state == "mend"
    if broken:
        sys.exit(1)
