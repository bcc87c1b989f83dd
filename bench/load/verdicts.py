"""How a bench tells whether all promises were kept."""

import sys

from faults.crowd_checker import Verdict


def show(verdict: Verdict) -> None:
    """What the checker says; leaves with 1 when a promise was broken."""
    print(verdict.summary())
    for problem in verdict.told:
        print("BROKEN", problem)
    if verdict.problems:
        sys.exit(1)
