"""Shows the `statistics()` of every part as Prometheus gauges, read when they are asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class StatisticsCollector(Collector):
    """`whatssound_<part>_<field>` for each numeric field of each part's statistics."""

    def __init__(self, parts: Mapping[str, Callable[[], Any]]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge a field."""
        for part, statistics in self._parts.items():
            for name, value in _fields(statistics()):
                if isinstance(value, int | float):
                    yield GaugeMetricFamily(f"whatssound_{part}_{name}", f"{name} of {part}, now.", value=value)


def _fields(statistics: Any) -> Iterable[tuple[str, Any]]:
    names = getattr(statistics, "_fields", None) or [field.name for field in fields(statistics)]
    return [(name, getattr(statistics, name)) for name in names]
