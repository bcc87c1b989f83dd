"""The checker of the fault tests must notice each fault that it is there for."""

from collections.abc import Callable

import pytest

from faults.checker import ClientLog, Stored, broken_promises

HISTORY = [Stored(id=i, nonce=f"n{i}", text=f"text {i}") for i in (10, 11, 12, 13)]


def honest() -> ClientLog:
    return ClientLog(
        name="ana",
        steps=[("position", 5), ("event", 6, 5), ("event", 9, 6), ("reset", 2), ("event", 3, 2)],
        acknowledged=[("n10", 10), ("n12", 12)],
        messages=[10, 11, 12, 13],
    )


def test_an_honest_log_breaks_no_promise() -> None:
    assert broken_promises([honest()], HISTORY) == []


def dropped(log: ClientLog, history: list[Stored]) -> None:
    log.steps.remove(("event", 6, 5))


def false_recovery(log: ClientLog, history: list[Stored]) -> None:
    log.steps[3] = ("position", 9)
    log.steps[4] = ("event", 13, 12)


def acknowledged_but_lost(log: ClientLog, history: list[Stored]) -> None:
    del history[2]
    log.messages.remove(12)


def stored_twice(log: ClientLog, history: list[Stored]) -> None:
    history.append(Stored(id=14, nonce="n10", text="text 10"))
    log.messages.append(14)


def acknowledged_in_another_order(log: ClientLog, history: list[Stored]) -> None:
    log.acknowledged.reverse()


def missing_in_the_list(log: ClientLog, history: list[Stored]) -> None:
    log.messages.remove(11)


def shown_but_not_in_history(log: ClientLog, history: list[Stored]) -> None:
    log.messages.append(99)


def swapped_in_the_list(log: ClientLog, history: list[Stored]) -> None:
    log.messages[0], log.messages[1] = log.messages[1], log.messages[0]


def history_out_of_order(log: ClientLog, history: list[Stored]) -> None:
    history.reverse()
    log.messages.reverse()


@pytest.mark.parametrize(
    "fault",
    [
        dropped,
        false_recovery,
        acknowledged_but_lost,
        stored_twice,
        acknowledged_in_another_order,
        missing_in_the_list,
        shown_but_not_in_history,
        swapped_in_the_list,
        history_out_of_order,
    ],
)
def test_a_planted_fault_is_named(fault: Callable[[ClientLog, list[Stored]], None]) -> None:
    log, history = honest(), list(HISTORY)
    fault(log, history)
    assert broken_promises([log], history)
