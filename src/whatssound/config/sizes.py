"""Sizes as people write them: `20GB`, `200 MB`, `1GiB`, `1048576`. Pure."""

import re
from typing import Final

_UNITS: Final = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for suffix, base in (("", 1_000), ("B", 1_000), ("IB", 1_024))
}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Z]{0,3})", re.ASCII)


def bytes_of(text: str) -> int:
    """The size in bytes; units of 1,000 as disks are sold, or of 1,024 with an `i`.

    Raises ValueError that says how a size is written, also for none at all.
    """
    found = _SIZE.fullmatch(text.strip().replace("_", "").upper())
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text!r} is no size; write bytes or a unit, like 20GB, 200 MB or 1GiB")
    value = round(float(found[1]) * _UNITS[found[2]]) if "." in found[1] else int(found[1]) * _UNITS[found[2]]
    if not 0 < value < 2**53:
        raise ValueError(f"{text!r} must be more than nothing and less than 9 PB")
    return value


def size_text(size_bytes: int) -> str:
    """The shortest text that `bytes_of` reads as exactly `size_bytes`: `20GB`, `64KiB`, `1234`."""
    exact = [f"{size_bytes // unit}{_written(name)}" for name, unit in _UNITS.items() if size_bytes % unit == 0]
    return min(reversed([text for text in exact if not text.startswith("0")]), key=len, default=str(size_bytes))


def about(size_bytes: int) -> str:
    """A size for people, to three digits: `1.23 GB`."""
    value, unit = float(size_bytes), "bytes"
    for larger in ("KB", "MB", "GB", "TB"):
        if value < 1_000:
            break
        value, unit = value / 1_000, larger
    return f"{value:.3g} {unit}" if value < 1_000 else f"{value:,.0f} {unit}"


def _written(unit: str) -> str:
    return unit.replace("IB", "iB") if unit.endswith("B") or not unit else f"{unit}B"
