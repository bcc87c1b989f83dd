"""What a killed process's children hold for a moment is awaited by whoever starts next."""

import socket
import threading
from pathlib import Path

import pytest

from servers import ServerProcess
from several import WORKERS
from whatssound.adapters import orphans
from whatssound.adapters.orphans import once_orphans_are_gone


def bound(address: tuple[str, int]) -> socket.socket:
    taken = socket.socket()
    try:
        taken.bind(address)
    except OSError:
        taken.close()
        raise
    return taken


def test_a_port_is_taken_as_soon_as_it_is_free() -> None:
    holder = bound(("127.0.0.1", 0))
    address = holder.getsockname()
    refused = threading.Event()

    def take() -> socket.socket:
        try:
            return bound(address)
        except OSError:
            refused.set()
            raise

    def let_go() -> None:
        refused.wait()
        holder.close()

    letting_go = threading.Thread(target=let_go)
    letting_go.start()
    with once_orphans_are_gone(take) as taken:
        assert taken.getsockname() == address
    letting_go.join()


def test_who_holds_it_for_longer_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "LINGER_S", 0.05)
    with bound(("127.0.0.1", 0)) as holder, pytest.raises(OSError, match="in use"):
        once_orphans_are_gone(lambda: bound(holder.getsockname()))


def test_what_will_never_be_possible_is_not_tried_again() -> None:
    tries: list[int] = []

    def take() -> None:
        tries.append(1)
        raise PermissionError(13, "no")

    with pytest.raises(PermissionError):
        once_orphans_are_gone(take)
    assert len(tries) == 1


@pytest.mark.slow
def test_a_server_of_several_processes_starts_right_after_it_was_killed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WORKERS) as server:
        server.kill()
        server.start()
        assert server.call("GET", "/readyz") == {"status": "ready"}
