"""Everything that is looked at, in the order in which it is mended."""

from collections.abc import Callable, Iterator
from typing import Final

from whatssound.config import Config
from whatssound.doctor import data, machine, reach, strangers
from whatssound.doctor.finding import Finding, mend

Check = Callable[[Config], Iterator[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    machine.python,
    machine.page,
    machine.encoders,
    machine.vorbis,
    machine.open_files,
    machine.clock,
    data.folder,
    data.secret,
    data.disk,
    data.sqlite,
    data.databases,
    data.libraries,
    strangers.keys,
    strangers.policy,
    reach.port,
    reach.public,
)


def check_up(config: Config) -> Iterator[Finding]:
    """What was found, as it is found. A check that fails itself is a finding, too."""
    for check in CHECKS:
        try:
            yield from check(config)
        except Exception as problem:  # a job's edge: the other checks still tell something
            name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}"
            yield mend(f"The check {name} itself failed: {problem!r}", "Please report it, with this line.")
