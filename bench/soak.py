"""Ten million deliveries while everything fails in turn: that nobody is lied to, and how often listeners start over.

`make bench F=soak WITH="1e7 2000"`: deliveries, listeners; `WITH="1e7 2000 3"` with three processes. The limit is none:
0 broken promises. Printed beside it is the reset rate, which the log's epoch decides: with one process every restart of
the server is one for everybody.
"""

import asyncio
import os
import sys
import time

from faults.calamities import ONE_PROCESS, SEVERAL, several
from faults.disaster import disaster
from load.stage import stage
from load.verdicts import show


def main(deliveries: float = 1e7, clients: float = 2_000, processes: float = 1) -> None:
    """One long run."""
    began_s = time.monotonic()
    arguments = several(int(processes)) if processes > 1 else ()
    with stage(*arguments) as here:
        faults = SEVERAL if processes > 1 else ONE_PROCESS
        verdict = asyncio.run(disaster(here, faults, clients=int(clients), deliveries=int(deliveries)))
    print(f"{time.monotonic() - began_s:.0f} s, {int(processes)} processes, load {os.getloadavg()[0]:.1f}")
    show(verdict)


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:]))
