"""One process of a crowd: thousands of sockets on one epoll, no task and no object a message.

Told what to do by JSON lines on its standard input, and says how it goes by lines on its standard output.
"""

import heapq
import io
import random
import select
import socket
import sys
import time
from array import array
from collections import Counter, deque
from pathlib import Path
from typing import Final

import msgspec

from load import log
from load.frames import (
    CLOSE,
    HEARTBEAT,
    Frame,
    Position,
    decode_joined,
    decode_message,
    decode_refused,
    decode_reply,
    frames_in,
    join_message,
    text_frame,
    upgrade_request,
)
from load.hearing import Hearing
from load.listener import Listener, State
from load.orders import News, Order, Task
from whatssound.client.waits import CONNECT_MS, JOIN_MS, wait_after_close_ms, wait_ms
from whatssound.wire.hints import with_hint

READ_BYTES: Final = 256 * 1024
TICK_NS: Final = 100_000_000
"""How often timers are looked at when nothing comes, and how often the state is told."""

MANY: Final = 5_000
"""With more listeners than this the state is told twice a second only."""

SLOW_TICKS: Final = 5
"""A slow listener reads so often, half a second of its bytes at a time."""

BROKEN: Final = 1006

_STDIN: Final = io.FileIO(0, closefd=False)
"""Unbuffered: a line that waits in a buffer would not wake the poll."""


class Worker:
    """Keeps `task.clients` listeners in one room."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._chance = random.Random(task.seed)
        self._hearing = Hearing()
        self._joins: list[log.Join] = []
        self._resets = 0
        self._poll = select.epoll()
        self._by_fd: dict[int, Listener] = {}
        tokens = task.tokens
        self._listeners = [Listener(n, tokens[n % len(tokens)], slow=n < task.slow) for n in range(task.clients)]
        self._due: list[tuple[int, int]] = []
        self._begun: deque[Listener] = deque()
        self._opening = 0
        self._live = 0
        self._told = News()
        self._look_ticks = 1 if task.clients <= MANY else 5
        self._closed: Counter[int] = Counter()
        self._refused: Counter[str] = Counter()
        self._ticks = 0
        self._beat_ticks = max(1, round(task.beat_s * 1e9 / TICK_NS))
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._request = upgrade_request(f"{task.host}:{task.port}")

    def run(self) -> None:
        """Come, listen and come back until told to stop; then write the log."""
        begin_ns = time.monotonic_ns()
        for listener in self._listeners:
            heapq.heappush(self._due, (begin_ns + int(listener.number / self._task.per_s * 1e9), listener.number))
        self._poll.register(0, select.EPOLLIN)
        tick_ns = begin_ns + TICK_NS
        while True:
            for fd, _ in self._poll.poll(self._patience_s(tick_ns)):
                if fd == 0:
                    if self._obeyed():
                        return
                elif (listener := self._by_fd.get(fd)) is not None:
                    self._happened(listener)
            now_ns = time.monotonic_ns()
            self._begin_due(now_ns)
            if now_ns >= tick_ns:
                tick_ns = now_ns + TICK_NS
                self._tick()

    # --- time ---------------------------------------------------------------------------------------------------

    def _patience_s(self, tick_ns: int) -> float:
        due_ns = min(tick_ns, self._due[0][0]) if self._due else tick_ns
        return max(0.0, (due_ns - time.monotonic_ns()) / 1e9)

    def _begin_due(self, now_ns: int) -> None:
        while self._due and self._due[0][0] <= now_ns:
            listener = self._listeners[heapq.heappop(self._due)[1]]
            if listener.state is State.JOINING:
                self._join(listener)
            elif listener.state is State.AWAY:
                self._begun.append(listener)
        while self._begun and self._opening < self._task.at_once:
            self._connect(self._begun.popleft())

    def _later(self, listener: Listener, ms: float) -> None:
        heapq.heappush(self._due, (time.monotonic_ns() + int(ms * 1e6), listener.number))

    def _tick(self) -> None:
        self._ticks += 1
        for number in range(self._ticks % self._beat_ticks, len(self._listeners), self._beat_ticks):
            listener = self._listeners[number]
            if listener.state is State.LIVE:
                self._send(listener, HEARTBEAT)
        if self._ticks % SLOW_TICKS == 0:
            for listener in self._listeners[: self._task.slow]:
                if listener.state is State.LIVE:
                    self._read(listener, self._task.slow_bytes_per_s * SLOW_TICKS // 10)
        if self._ticks % self._look_ticks == 0:
            news = self._news()
            if news != self._told:
                self._told = news
                _say(news)

    def _news(self) -> News:
        heard = sum(len(listener.codes) for listener in self._listeners) - len(self._joins)
        live = (one for one in self._listeners if one.state is State.LIVE and not one.slow)
        return News(self._live, len(self._joins), self._resets, heard, min(map(self._place, live), default=0))

    def _place(self, listener: Listener) -> int:
        if listener.last >= 0:
            return self._hearing.events[listener.last].seq
        return 0 if listener.position is None else listener.position.seq

    # --- orders -------------------------------------------------------------------------------------------------

    def _obeyed(self) -> bool:
        """Do what the next line says; True when that was the last."""
        line = _STDIN.readline()
        order = msgspec.json.decode(line, type=Order) if line.strip() else Order(stop=True)
        if order.stop:
            self._write_log()
            return True
        live = [listener for listener in self._listeners if listener.state is State.LIVE]
        for listener in self._chance.sample(live, min(order.cut, len(live))):
            self._drop(listener, BROKEN, reason=with_hint("away", order.away_ms) if order.away_ms else "")
        return False

    def _write_log(self) -> None:
        self._hearing.settle()
        log.write(
            log.WorkerLog(
                name=self._task.name,
                events=self._hearing.events,
                joins=self._joins,
                clients=[listener.codes.tobytes() for listener in self._listeners],
                live=[listener.state is State.LIVE and not listener.slow for listener in self._listeners],
                last_ns=self._hearing.last_ns,
                closed=dict(self._closed),
                refused=dict(self._refused),
            ),
            Path(self._task.log),
        )

    # --- one listener's way -------------------------------------------------------------------------------------

    def _connect(self, listener: Listener) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        if listener.slow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        if self._task.source:
            # The port is chosen at connect, so that it may be in use towards other places.
            sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            sock.bind((self._task.source, 0))
        listener.sock, listener.state, listener.rest = sock, State.CONNECTING, b""
        self._opening += 1
        self._by_fd[sock.fileno()] = listener
        sock.connect_ex((self._task.host, self._task.port))
        self._poll.register(sock.fileno(), select.EPOLLOUT)

    def _happened(self, listener: Listener) -> None:
        if listener.state is State.CONNECTING:
            self._connected(listener)
        else:
            self._read(listener, READ_BYTES)

    def _connected(self, listener: Listener) -> None:
        sock = listener.sock
        assert sock is not None
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._drop(listener, None)
            return
        listener.state = State.UPGRADING
        self._poll.modify(sock.fileno(), select.EPOLLIN)
        self._send(listener, self._request)

    def _read(self, listener: Listener, size: int) -> None:
        """The hot path: what was met before is done in the first six lines."""
        sock = listener.sock
        assert sock is not None
        try:
            # A buffer of its own for each read would be mapped and unmapped every time: 256 KB are.
            data = bytes(self._buffer[: sock.recv_into(self._buffer, size)])
        except BlockingIOError:
            return
        except OSError:
            self._drop(listener, BROKEN)
            return
        if not data:
            self._drop(listener, BROKEN)
        elif listener.state is State.LIVE and not listener.rest:
            heard = self._hearing.known(data) or self._hearing.learned(data)
            if heard is None:
                self._parse(listener, data)
            elif heard.codes:
                listener.codes.extend(heard.codes)
                listener.last = heard.last
                if not listener.slow:
                    heard.last_ns = time.monotonic_ns()
        else:
            self._parse(listener, listener.rest + data)

    def _parse(self, listener: Listener, data: bytes) -> None:
        if listener.state is State.UPGRADING:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                listener.rest = data
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._turned_away(listener, rest)
                return
            self._opening -= 1
            listener.state, data = State.JOINING, rest
            self._join(listener)
        end, sock = 0, listener.sock
        for frame, end in frames_in(data):  # noqa: B007 - the last offset is what counts
            self._take(listener, frame)
            if listener.sock is not sock:
                return
        listener.rest = data[end:]

    def _take(self, listener: Listener, frame: Frame) -> None:
        code = self._hearing.shared(frame)
        if code is None:
            self._personal(listener, frame)
        elif code >= 0 and listener.state is State.LIVE:
            listener.codes.append(code)
            listener.last = code
            if not listener.slow:
                self._hearing.last_ns[code] = time.monotonic_ns()

    def _personal(self, listener: Listener, frame: Frame) -> None:
        if frame.kind == CLOSE:
            code, reason = int.from_bytes(frame.payload[:2]), frame.payload[2:].decode(errors="replace")
            self._drop(listener, code or BROKEN, reason=reason)
            return
        message = decode_message(frame.payload)
        if message.event == "phx_reply" and message.ref == "1":
            reply = decode_reply(message.payload)
            if reply.status == "ok":
                self._joined(listener, reply.response)
            else:
                self._rejoin(listener, reply.response)
        elif message.event in ("phx_error", "phx_close") and listener.state is State.LIVE:
            self._live -= 1
            self._rejoin(listener, message.payload)

    def _join(self, listener: Listener) -> None:
        after = listener.position
        if after is not None and listener.last >= 0:
            event = self._hearing.events[listener.last]
            after = Position(after.epoch, event.seq, event.key)
        listener.position = after
        self._send(listener, text_frame(join_message(self._task.topic, listener.token, after)))

    def _joined(self, listener: Listener, response: msgspec.Raw) -> None:
        reply = decode_joined(response)
        missed = array("i", (self._hearing.number(name, bytes(payload)) for name, payload in reply.events))
        kind = "first" if listener.position is None else "reset" if reply.reset else "resumed"
        self._resets += kind == "reset"
        at = reply.position
        self._joins.append(log.Join(time.monotonic_ns(), kind, at.epoch, at.seq, at.key, len(missed)))
        listener.codes.append(-len(self._joins))
        listener.codes.extend(missed)
        listener.position, listener.last = at, -1
        listener.state, listener.tries = State.LIVE, 0
        self._live += 1
        if listener.slow and listener.sock is not None:
            self._poll.unregister(listener.sock.fileno())

    # --- what goes wrong ----------------------------------------------------------------------------------------

    def _rejoin(self, listener: Listener, why: msgspec.Raw) -> None:
        refused = decode_refused(why)
        self._refused[refused.code] += 1
        listener.state = State.JOINING
        listener.tries += 1
        chance = self._chance.random()
        self._later(listener, wait_ms(JOIN_MS, listener.tries, chance, retry_after_ms=refused.retry_after_ms))

    def _turned_away(self, listener: Listener, body: bytes) -> None:
        try:
            refused = decode_refused(body)
        except msgspec.MsgspecError:
            refused = decode_refused(b"{}")
        self._refused[refused.code] += 1
        self._drop(listener, None, retry_after_ms=refused.retry_after_ms)

    def _drop(
        self, listener: Listener, code: int | None, *, reason: str = "", retry_after_ms: int | None = None
    ) -> None:
        """The connection is over, or never was (`code` None): come again."""
        sock, listener.sock = listener.sock, None
        assert sock is not None
        if listener.state in (State.CONNECTING, State.UPGRADING):
            self._opening -= 1
        elif listener.state is State.LIVE:
            self._live -= 1
        del self._by_fd[sock.fileno()]
        # SO_LINGER 0: what is cut is gone at once.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        listener.state, listener.rest = State.AWAY, b""
        chance = self._chance.random()
        if code is None:
            listener.tries += 1
            self._later(listener, wait_ms(CONNECT_MS, listener.tries, chance, retry_after_ms=retry_after_ms))
        else:
            self._closed[code] += 1
            self._later(listener, wait_after_close_ms(code, reason, chance))

    def _send(self, listener: Listener, data: bytes) -> None:
        """A listener says little; what the kernel does not take at once is a connection that is gone."""
        assert listener.sock is not None
        try:
            listener.sock.send(data)
        except OSError:
            self._drop(listener, BROKEN)


def _say(news: News) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(news) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    Worker(msgspec.json.decode(_STDIN.readline(), type=Task)).run()
