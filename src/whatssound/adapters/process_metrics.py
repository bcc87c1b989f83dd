"""The figures of every process on one page: a scrape reaches one of them, by chance."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from whatssound.bus.bus import Bus, NoAnswer
from whatssound.bus.log import Subscription

ANSWER_S: Final = 2.0
"""How long a process may take; Prometheus itself waits 10 s."""


def answer_metrics(bus: Bus, node: str, registry: CollectorRegistry) -> Subscription:
    """Tell the figures in `registry` to whoever asks for those of the process that is called `node` on the bus."""

    async def answer(_question: bytes) -> bytes:
        return generate_latest(registry)

    return bus.answer(_topic(node), answer)


async def page_of_all(registry: CollectorRegistry, bus: Bus, *, name: str, others: Mapping[str, str]) -> bytes:
    """The figures in `registry` and those that `others` tell, each labelled with its process, in Prometheus's text.

    `others` are the names of processes within this server, and what each is called on the bus.
    `whatssound_process_answers` says of each process whether it did.
    """
    told = await asyncio.gather(*(_asked(bus, node) for node in others.values()))
    up = GaugeMetricFamily("whatssound_process_answers", "1 when the process told its figures.", labels=["process"])
    pages: list[tuple[str, Iterable[Metric]]] = [(name, registry.collect())]
    for other, text in zip(others, told, strict=True):
        up.add_metric([other], text is not None)
        if text is not None:
            pages.append((other, text_string_to_metric_families(text)))
    up.add_metric([name], 1)
    return generate_latest(_Joined([*_by_name(pages), up]))  # pyright: ignore[reportArgumentType]


async def _asked(bus: Bus, node: str) -> str | None:
    try:
        return (await bus.request(_topic(node), b"", timeout_s=ANSWER_S)).decode()
    except NoAnswer:
        return None


def _topic(node: str) -> str:
    return f"metrics:{node}"


@dataclass(frozen=True, slots=True)
class _Joined:
    """What `generate_latest` needs of a registry."""

    metrics: Sequence[Metric]

    def collect(self) -> Iterator[Metric]:
        return iter(self.metrics)


def _by_name(pages: Iterable[tuple[str, Iterable[Metric]]]) -> list[Metric]:
    """One metric a name, as the format wants it, with the samples of all pages."""
    joined: dict[str, Metric] = {}
    for process, metrics in pages:
        for metric in metrics:
            known = joined.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            known.samples += [s._replace(labels={**s.labels, "process": process}) for s in metric.samples]
    return list(joined.values())
