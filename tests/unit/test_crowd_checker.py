"""The checker of crowds must notice each fault that it is there for, planted into a good log."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from faults.checker import Stored
from faults.crowd_checker import Verdict, verdict_on
from load.log import Join, LoggedEvent, Said, WorkerLog


def chat(seq: int, prev: int, id: int) -> LoggedEvent:
    return LoggedEvent("chat", seq, prev, f"{id}:0", str(id), f"text {id}")


# Two epochs: four messages and a change of the queue, then a restart and three more messages.
FIRST = [chat(1, 0, 10), chat(4, 1, 11), LoggedEvent("queue", 6, 4, "r:2:queue"), chat(7, 6, 12), chat(9, 7, 13)]
SECOND = [chat(2, 0, 14), chat(3, 2, 15), chat(5, 3, 16)]
IDS = (10, 11, 12, 13, 14, 15, 16)


@dataclass
class Evening:
    """A recorded good evening, to be spoilt."""

    logs: list[WorkerLog]
    said: list[Said]
    history: list[Stored]
    clients: list[list[int]] = field(default_factory=list)

    def verdict(self) -> Verdict:
        if self.clients:
            self.logs[0].clients = [array("i", codes).tobytes() for codes in self.clients]
        return verdict_on(self.logs, self.said, self.history)


JOINS = [
    Join(1, "first", "e1", 1, "10:0"),
    Join(2, "resumed", "e1", 7, "12:0", missed=2),
    Join(3, "reset", "e2", 0, ""),
    Join(1, "first", "e1", 0, ""),
    Join(3, "reset", "e2", 2, "14:0"),
]
STEADY = [-1 - 3, 0, 1, 2, 3, 4, -1 - 2, 5, 6, 7]
"""From the beginning to the end, with a reset at the restart."""
CUT = [-1 - 0, 1, -1 - 1, 2, 3, 4, -1 - 4, 6, 7]
"""Came after the first message, was cut off after the second, resumed, and came back late after the restart."""


def log_of(name: str, *clients: list[int]) -> WorkerLog:
    codes = [array("i", client).tobytes() for client in clients]
    return WorkerLog(name, [*FIRST, *SECOND], list(JOINS), codes, [True] * len(codes), [0] * 8, {}, {})


def good() -> Evening:
    said = [Said(f"n{id}", f"text {id}", 0, 1, str(id), "e1", seq) for id, seq in ((10, 1), (11, 4), (12, 7), (13, 9))]
    said += [Said(f"n{id}", f"text {id}", 0, 1, str(id), "e2", seq) for id, seq in ((14, 2), (15, 3), (16, 5))]
    said.append(Said("n99", "shed", 0, refused="overloaded"))
    said.append(Said("n17", "text 17", 0, 1, "17", "e1", 11))
    history = [Stored(id, f"n{id}", f"text {id}") for id in (*IDS, 17)]
    return Evening([log_of("a", STEADY, CUT), log_of("b", STEADY)], said, history, [list(STEADY), list(CUT)])


def test_a_good_evening_breaks_no_promise() -> None:
    verdict = good().verdict()
    assert (verdict.told, verdict.deliveries, verdict.acknowledged) == ([], 8 + 6 + 8, 8)
    assert (verdict.joins, verdict.resumed, verdict.reset) == (7, 1, 3)
    assert verdict.reset_rate == 0.75


def dropped(evening: Evening) -> None:
    evening.clients[0].remove(1)


def dropped_at_the_end(evening: Evening) -> None:
    evening.clients[0].remove(7)


def swapped(evening: Evening) -> None:
    evening.clients[0][2:4] = [2, 1]


def doubled(evening: Evening) -> None:
    evening.clients[0].insert(2, 0)


def repeated_later(evening: Evening) -> None:
    evening.clients[0].append(5)


def reused_position(evening: Evening) -> None:
    evening.logs[1].events[3] = chat(7, 6, 99)
    evening.history.append(Stored(99, "n99", "text 99"))


def reused_position_with_another_text(evening: Evening) -> None:
    evening.logs[1].events[3] = msgspec.structs.replace(FIRST[3], text="other")


def skipped_with_a_prev_that_lies(evening: Evening) -> None:
    """An event is left out, and the next one says that it follows the one before it."""
    evening.logs[0].events.append(chat(7, 4, 12))
    evening.clients[1] = [-1 - 0, 1, 8, 4, -1 - 4, 6, 7]


def false_recovery_without_the_events(evening: Evening) -> None:
    evening.clients[1] = [code for code in evening.clients[1] if code not in (2, 3)]
    evening.logs[0].joins[1] = msgspec.structs.replace(JOINS[1], missed=0)


def false_recovery_in_another_epoch(evening: Evening) -> None:
    evening.logs[0].joins[4] = msgspec.structs.replace(JOINS[4], kind="resumed")


def false_recovery_short_of_its_position(evening: Evening) -> None:
    evening.clients[1] = [-1 - 0, 1, -1 - 1, 2, -1 - 4, 6, 7]
    evening.logs[0].joins[1] = msgspec.structs.replace(JOINS[1], missed=1)


def acknowledged_but_not_stored(evening: Evening) -> None:
    evening.history = [message for message in evening.history if message.id != 17]


def acknowledged_but_never_told(evening: Evening) -> None:
    """It has a place in the log, between others that everybody got."""
    evening.said.append(Said("n18", "text 18", 0, 1, "18", "e1", 8))
    evening.history.append(Stored(18, "n18", "text 18"))


def acknowledged_at_anothers_place(evening: Evening) -> None:
    evening.said[1] = msgspec.structs.replace(evening.said[1], seq=7)


def stored_twice(evening: Evening) -> None:
    evening.history.append(Stored(20, "n10", "text 10"))


def stored_with_another_text(evening: Evening) -> None:
    evening.history[0] = Stored(10, "n10", "something else")


def shown_but_not_stored(evening: Evening) -> None:
    evening.history = evening.history[1:]
    evening.said = evening.said[1:]


def history_out_of_order(evening: Evening) -> None:
    evening.history.reverse()


def somebody_in_the_old_epoch(evening: Evening) -> None:
    evening.clients[1] = [-1 - 0, 1, -1 - 1, 2, 3, 4]


def heard_before_it_joined(evening: Evening) -> None:
    evening.clients[0].insert(0, 0)


FAULTS: list[tuple[Callable[[Evening], None], str]] = [
    (dropped, "not linked"),
    (dropped_at_the_end, "left behind"),
    (swapped, "not linked"),
    (doubled, "not linked"),
    (repeated_later, "not linked"),
    (reused_position, "reused position"),
    (reused_position_with_another_text, "reused position"),
    (skipped_with_a_prev_that_lies, "fork"),
    (false_recovery_without_the_events, "false recovery"),
    (false_recovery_in_another_epoch, "false recovery"),
    (false_recovery_short_of_its_position, "false recovery"),
    (acknowledged_but_not_stored, "lost"),
    (acknowledged_but_never_told, "lost"),
    (acknowledged_at_anothers_place, "reused position"),
    (stored_twice, "doubled"),
    (stored_with_another_text, "lost"),
    (shown_but_not_stored, "not in history"),
    (history_out_of_order, "history"),
    (somebody_in_the_old_epoch, "left behind"),
    (heard_before_it_joined, "out of order"),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_a_planted_fault_is_named(fault: Callable[[Evening], None], kind: str) -> None:
    evening = good()
    fault(evening)
    assert kind in evening.verdict().problems
