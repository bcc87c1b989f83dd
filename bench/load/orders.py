"""What one process of a crowd is told, and what it says; each a line of JSON."""

import msgspec


class Task(msgspec.Struct):
    """What a worker is started with."""

    name: str
    host: str
    port: int
    topic: str
    tokens: list[str]
    clients: int
    log: str
    source: str = ""
    """The address to connect from; "" leaves it to the system."""
    at_once: int = 200
    """Connections that are being opened at the same time."""
    per_s: float = 1_000.0
    """Connections that are begun in a second, at the start; later everybody comes back when they like."""
    slow: int = 0
    """How many of the listeners are slow."""
    slow_bytes_per_s: int = 1_000
    beat_s: float = 30.0
    """Every listener beats once in so long."""
    seed: int = 1


class Order(msgspec.Struct):
    """What a worker may be told: cut the connections of so many listeners, who come back no sooner than asked; stop."""

    cut: int = 0
    away_ms: int = 0
    stop: bool = False


class News(msgspec.Struct):
    """What a worker says."""

    live: int = 0
    joins: int = 0
    resets: int = 0
    """Joins that were answered with a reset."""
    heard: int = 0
    """Deliveries."""
    least: int = 0
    """The place in the log that everybody in the room has reached who reads at once."""
