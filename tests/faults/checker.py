"""Reads what clients were told and what history says, and names every broken promise. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class ClientLog:
    """What one client saw.

    `steps` in order of arrival: ("position", seq) from a join reply without reset, ("reset", seq) from one with,
    ("event", seq, prev). `acknowledged`: (nonce, id) in the order in which acknowledgements arrived.
    `messages`: the ids in the client's list at the end, after back-fill, oldest first.
    """

    name: str
    steps: list[tuple[str | int, ...]] = field(default_factory=list)
    acknowledged: list[tuple[str, int]] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Stored:
    """One message of history."""

    id: int
    nonce: str
    text: str


def broken_promises(logs: Iterable[ClientLog], history: Sequence[Stored]) -> list[str]:
    """Every broken promise in words; empty when all hold. `history` is oldest first."""
    logs = list(logs)
    found = [*_history_is_ordered(history)]
    by_nonce: dict[str, list[int]] = {}
    for message in history:
        by_nonce.setdefault(message.nonce, []).append(message.id)
    for log in logs:
        found += _acknowledged_once(log, by_nonce)
        found += _linked(log)
        found += _same_as_history(log, history)
    return found


def _history_is_ordered(history: Sequence[Stored]) -> list[str]:
    ids = [m.id for m in history]
    return [] if ids == sorted(set(ids)) else ["history repeats an id or is out of order"]


def _acknowledged_once(log: ClientLog, by_nonce: Mapping[str, list[int]]) -> list[str]:
    found = []
    for nonce, id in log.acknowledged:
        stored = by_nonce.get(nonce, [])
        if stored != [id]:
            found.append(f"{log.name}: {nonce} was acknowledged as {id}, history has {stored}")
    ids = [id for _, id in log.acknowledged]
    if ids != sorted(ids):
        found.append(f"{log.name}: history has its messages in another order than they were acknowledged in")
    return found


def _linked(log: ClientLog) -> list[str]:
    found, at = [], None
    for step in log.steps:
        if step[0] in ("position", "reset"):
            at = step[1]
            continue
        _, seq, prev = step
        if at is None:
            found.append(f"{log.name}: event {seq} came before any position")
        elif prev != at:
            found.append(f"{log.name}: event {seq} follows {prev}, but the client stood at {at}")
        at = seq
    return found


def _same_as_history(log: ClientLog, history: Sequence[Stored]) -> list[str]:
    expected = [m.id for m in history]
    if log.messages == expected:
        return []
    missing = len(set(expected) - set(log.messages))
    extra = len(set(log.messages) - set(expected))
    return [f"{log.name}: its list is not history ({missing} missing, {extra} that history lacks)"]
