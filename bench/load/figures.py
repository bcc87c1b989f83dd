"""From the logs of a crowd: how long messages took to the last listener. Pure."""

from collections.abc import Sequence

from load.log import Said, WorkerLog


def to_last_ms(said: Sequence[Said], logs: Sequence[WorkerLog]) -> list[float]:
    """For each acknowledged message, from its intended moment until the last listener that reads at once had it."""
    last_ns: dict[str, int] = {}
    for log in logs:
        for event, at_ns in zip(log.events, log.last_ns, strict=True):
            if event.name == "chat" and at_ns:
                last_ns[event.id] = max(last_ns.get(event.id, 0), at_ns)
    return [(last_ns[one.id] - one.intended_ns) / 1e6 for one in said if one.id in last_ns]


def deliveries(logs: Sequence[WorkerLog]) -> int:
    """How many events reached how many listeners, added up."""
    return sum(int((log.codes(n) >= 0).sum()) for log in logs for n in range(len(log.clients)))


def back_ms(logs: Sequence[WorkerLog], since_ns: int) -> list[float]:
    """When each listener that joined after `since_ns` was in the room for the first time since, in order."""
    found: list[float] = []
    for log in logs:
        for n in range(len(log.clients)):
            joined = [log.joins[-1 - code].at_ns for code in log.codes(n) if code < 0]
            again = [at_ns for at_ns in joined if at_ns >= since_ns]
            if again:
                found.append((min(again) - since_ns) / 1e6)
    return sorted(found)
