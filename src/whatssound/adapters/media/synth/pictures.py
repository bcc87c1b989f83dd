"""Covers: shapes and light by arithmetic, written as PNG."""

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SIZE: Final = 640
"""Width and height in pixels."""

Plane = NDArray[np.floating[Any]]


def porch_light() -> bytes:
    """A lamp in the dark: one amber glow, rings of warm air, a horizon."""
    x, y = _plane()
    image = _blend(_fill("#1a0f1f"), "#3a1630", _smooth(-0.2, 1.1, y))
    distance = np.hypot(x - 0.12, y + 0.16)
    image = _blend(image, "#ff9a3d", 0.95 * np.exp(-3.2 * distance**1.4))
    for n in range(7):
        ring = np.exp(-(((distance - 0.46 - 0.13 * n) / 0.006) ** 2))
        image = _blend(image, "#ffd08a", 0.5 * ring * (1 - n / 8))
    image = _blend(image, "#ffe9c4", _smooth(0.006, -0.006, distance - 0.33))
    image = _blend(image, "#ffb454", _smooth(0.30, -0.1, distance) * _smooth(-0.5, 0.2, y) * 0.6)
    hill = 0.56 + 0.1 * np.sin(2.1 * x + 0.6) + 0.03 * np.sin(5.3 * x)
    image = _blend(image, "#120a17", _smooth(-0.005, 0.005, y - hill))
    hill = 0.72 + 0.07 * np.sin(1.7 * x - 1.2)
    return _png(_blend(image, "#0b0610", _smooth(-0.005, 0.005, y - hill)))


def balcony_at_noon() -> bytes:
    """Arches of coral, one within another, over a deep blue; a small white sun."""
    x, y = _plane()
    image = _blend(_fill("#12213f"), "#1c3a63", _smooth(-1, 1, -y))
    tints = ("#ff5d5d", "#ff7a6b", "#ff9a80", "#ffbe9f", "#ffe1c8")
    for n, tint in enumerate(tints):
        radius = 0.92 - 0.17 * n
        centre = 0.28
        above = np.hypot(x, np.minimum(y - centre, 0)) - radius
        arch = np.where(y > centre, np.abs(x) - radius, above)
        image = _blend(image, "#0a1226", 0.55 * np.exp(-np.maximum(arch, 0) * 26) * (arch > 0))
        image = _blend(image, tint, _smooth(0.004, -0.004, arch))
    image = _blend(image, "#17305a", _smooth(0.004, -0.004, _arch(x, y, 0.08)))
    sun = np.hypot(x - 0.68, y + 0.7)
    image = _blend(image, "#ffffff", 0.5 * np.exp(-9 * sun))
    return _png(_blend(image, "#fff6ea", _smooth(0.004, -0.004, sun - 0.11)))


def tide_glass() -> bytes:
    """Sheets of water in one aqua, lit from behind by a pale moon."""
    x, y = _plane()
    image = _blend(_fill("#061426"), "#0d3550", _smooth(-1.0, 0.8, y))
    moon = np.hypot(x + 0.3, y + 0.42)
    image = _blend(image, "#9ffcf0", 0.55 * np.exp(-3.6 * moon))
    image = _blend(image, "#eafffb", _smooth(0.005, -0.005, moon - 0.24))
    for n in range(9):
        edge = -0.22 + 0.135 * n + 0.075 * np.sin(2.4 * x + 1.3 * n) + 0.03 * np.sin(5.1 * x - 2.1 * n)
        below = _smooth(-0.004, 0.004, y - edge)
        depth = np.exp(-2.6 * np.maximum(y - edge, 0))
        image = _blend(image, ("#2fe6d2", "#13a7b8", "#0b5f86")[n % 3], (0.26 + 0.3 * depth) * below)
        image = _blend(image, "#d8fffa", 0.55 * np.exp(-(((y - edge) / 0.004) ** 2)))
    return _png(_blend(image, "#04101f", 0.75 * _smooth(0.45, 1.25, y)))


def _arch(x: Plane, y: Plane, radius: float) -> Plane:
    return np.where(y > 0.28, np.abs(x) - radius, np.hypot(x, np.minimum(y - 0.28, 0)) - radius)


def _plane() -> tuple[Plane, Plane]:
    """Coordinates from −1 to 1; y grows downwards."""
    axis = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE * 2 - 1
    x, y = np.meshgrid(axis, axis)
    return x, y


def _smooth(low: float, high: float, value: Plane) -> Plane:
    """0 at `low`, 1 at `high`, smooth between; `low` may be the larger one."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _colour(code: str) -> Plane:
    return np.array([int(code[n : n + 2], 16) for n in (1, 3, 5)], np.float32) / 255


def _fill(code: str) -> Plane:
    return np.broadcast_to(_colour(code), (SIZE, SIZE, 3)).astype(np.float32)


def _blend(image: Plane, code: str, amount: Plane) -> Plane:
    weight = np.clip(amount, 0, 1)[:, :, np.newaxis]
    return image * (1 - weight) + _colour(code) * weight


def _png(image: Plane) -> bytes:
    """A PNG of 8 bits a channel; two bits of ordered noise hide the steps of a gradient."""
    pattern = np.array([[0, 2], [3, 1]], np.float32) / 4 - 0.375
    noise = np.tile(pattern, (SIZE // 2, SIZE // 2))[:, :, np.newaxis]
    pixels = np.clip(np.round(image * 255 + noise), 0, 255).astype(np.uint8)
    rows = np.concatenate([np.zeros((SIZE, 1), np.uint8), pixels.reshape(SIZE, SIZE * 3)], axis=1)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
