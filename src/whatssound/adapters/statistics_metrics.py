"""Shows the `statistics()` of a part as Prometheus gauges, read when they are asked for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class StatisticsCollector(Collector):
    """`whatssound_<part>_<field>` for each numeric field of the part's statistics."""

    def __init__(self, part: str, statistics: Callable[[], Any]) -> None:
        self._part = part
        self._statistics = statistics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge a field."""
        for name, value in _fields(self._statistics()):
            if isinstance(value, int | float):
                yield GaugeMetricFamily(f"whatssound_{self._part}_{name}", f"{name} of {self._part}, now.", value=value)


def _fields(statistics: Any) -> Iterable[tuple[str, Any]]:
    names = getattr(statistics, "_fields", None) or [field.name for field in fields(statistics)]
    return [(name, getattr(statistics, name)) for name in names]
