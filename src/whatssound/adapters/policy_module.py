"""Finds a policy in somebody's own Python module."""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whatssound.config import StartError


def load_policy(place: str) -> Callable[..., object]:
    """The callable at `package.module:callable`; the module is installed, or a file where the server is started.

    Raises StartError, with advice, when it is not there or does not take what a policy is given.
    """
    module, _, name = place.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as problem:  # the edge of somebody else's code
        raise _unusable(place, f"{type(problem).__name__}: {problem}") from problem
    if not callable(found):
        raise _unusable(place, "it cannot be called")
    if inspect.iscoroutinefunction(found):
        raise _unusable(place, "it is async, and a policy has to answer at once")
    try:
        inspect.signature(found).bind({}, "topic", "broadcast", "read")
    except TypeError as problem:
        raise _unusable(place, "it does not take (claims, topic, extension, operation)") from problem
    except ValueError:  # something built in says nothing of what it takes
        pass
    return found


def _unusable(place: str, why: str) -> StartError:
    return StartError(f"The policy {place} cannot be used: {' '.join(why.split())}. Mend it or --realtime-policy.")
