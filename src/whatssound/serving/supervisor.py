"""Starts the server's processes, keeps them running and ends them: `serve --workers N`."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.orphans import die_with_parent
from whatssound.adapters.secret_file import open_secret
from whatssound.config import Config, StartError
from whatssound.serving.backoff import STEADY_S, wait_s
from whatssound.serving.ends import ended
from whatssound.serving.greeting import say
from whatssound.serving.line import Alive, Cover, Failed, Line, Message, Peer, Ready, Restarts, Start, pair
from whatssound.serving.listener import listening_sockets
from whatssound.serving.private_nats import private_nats
from whatssound.serving.server import raise_open_files
from whatssound.serving.watch import LOOK_S, Watch
from whatssound.wires import new_server

STOP_S: Final = 20.0
"""How long processes may take to drain and stop before they are killed; systemd waits 30 s for us."""

_MODULES: Final = ("whatssound.serving.owner_process", "whatssound.serving.gateway_process")


@dataclass(slots=True)
class _Child:
    """One process, over all its lives."""

    index: int
    process: subprocess.Popen[bytes] | None = None
    line: Line | None = None
    ready: bool = False
    failure: str | None = None
    covering: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return "owner" if self.index == 0 else f"gateway-{self.index}"


async def serve_with_others(config: Config, processes: int) -> None:
    """Serve with so many processes until Ctrl-C or SIGTERM. Raises StartError, with advice."""
    if not hasattr(os, "pidfd_open") or not hasattr(socket, "SO_REUSEPORT"):
        raise StartError("Several workers need Linux; leave out --workers here.")
    raise_open_files()
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(each) for each in listening_sockets(config.listen, config.port, processes)]
        config = replace(config, port=listeners[0].getsockname()[1])
        folder = stack.enter_context(DataFolder(config.data))
        open_secret(folder.secret, jwt_secret=config.jwt_secret)
        if config.nats:
            await Supervisor(config, listeners, lock=folder.lock, nats=config.nats).run()
        else:
            async with private_nats(folder.nats, lock=folder.lock) as url:
                await Supervisor(config, listeners, lock=folder.lock, nats=[url]).run()


class Supervisor:
    """The owner process (0) and its gateway processes (1 …), each with a listening socket of its own."""

    def __init__(self, config: Config, listeners: Sequence[socket.socket], *, lock: int, nats: Sequence[str]) -> None:
        self._config = config
        self._listeners = listeners
        self._lock = lock
        self._nats = tuple(nats)
        self._server = new_server()
        self._children = [_Child(index) for index in range(len(listeners))]
        self._watch = Watch(config.hang_s)
        self._restarted = self._hung = 0
        self._greeting = ""
        self._all_ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._log = structlog.get_logger("whatssound.serving")

    async def run(self) -> None:
        """Start all, greet, and keep them running until SIGTERM or Ctrl-C. Raises StartError when one cannot start."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._asked_to_stop)
        keepers = [asyncio.create_task(self._keep(child)) for child in self._children]
        steps = [asyncio.create_task(event.wait()) for event in (self._all_ready, self._stopping)]
        watching = asyncio.create_task(self._keep_watching())
        try:
            await asyncio.wait((*keepers, *steps), return_when=asyncio.FIRST_COMPLETED)
            if self._all_ready.is_set():
                say(self._greeting)
                await asyncio.wait((*keepers, steps[1]), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            await asyncio.wait((watching,))
            await self._stop(keepers)
        for task in (*keepers, *([] if watching.cancelled() else [watching])):
            task.result()

    # --- one process ---------------------------------------------------------------------------------------------

    async def _keep(self, child: _Child) -> None:
        """Start it again whenever it ends. Raises StartError when that happens before all were ready once."""
        quick_ends = 0
        while not self._stopping.is_set():
            born_s = time.monotonic()
            status = await self._live(child)
            if self._stopping.is_set():
                return
            if not self._all_ready.is_set():
                raise StartError(child.failure or f"The {child.name} process ended with status {status} at its start.")
            quick_ends = 1 if time.monotonic() - born_s >= STEADY_S else quick_ends + 1
            wait = wait_s(quick_ends)
            self._restarted += 1
            self._tell_restarts()
            self._log.error(
                "a process ended and is started again",
                process=child.name,
                status=status,
                reason=child.failure,
                wait_s=wait,
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stopping.wait()

    async def _live(self, child: _Child) -> int:
        """One life of it, from its start to its end; the exit status."""
        try:
            process = self._spawn(child)
            await ended(process.pid)
            status = process.wait()
        except OSError as problem:  # no process can be had just now
            child.failure, status = problem.strerror, -1
        self._forget(child)
        return status

    async def _keep_watching(self) -> None:
        """Kill who is silent for too long; whoever keeps it starts it again, and its listeners resume elsewhere."""
        while True:
            await asyncio.sleep(LOOK_S)
            for index in self._watch.look():
                child = self._children[index]
                self._watch.forget(index)
                self._hung += 1
                self._log.error(
                    "a process does not answer and is killed", process=child.name, hang_s=self._config.hang_s
                )
                if child.process is not None:
                    child.process.kill()

    def _spawn(self, child: _Child) -> subprocess.Popen[bytes]:
        ours, its = pair()
        descriptors = tuple(listener.fileno() for listener in self._listeners)
        module = _MODULES[min(child.index, 1)]
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(its.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(its.fileno(), self._lock, *descriptors),
                start_new_session=True,  # Ctrl-C is for the supervisor, which passes it on in order
                # Before it has imported anything: it holds the port, and would keep it from whoever starts next.
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
            )
        child.process, child.line, child.failure = process, Line(ours), None
        child.line.send(
            Start(
                config=self._config,
                index=child.index,
                listeners=descriptors,
                lock=self._lock,
                nats=self._nats,
                server=self._server,
                first=not self._all_ready.is_set(),
            )
        )
        child.line.listen(lambda message, _: self._said(child, message), lambda: None)
        if child.index and self._children[0].ready:
            self._introduce(child)
        return process

    def _forget(self, child: _Child) -> None:
        if child.line is not None:
            child.line.close()
        self._watch.forget(child.index)
        child.process, child.line, child.ready, child.covering = None, None, False, ()
        self._cover()

    # --- what they say and are told -----------------------------------------------------------------------------

    def _said(self, child: _Child, message: Message) -> None:
        match message:
            case Alive():
                self._watch.heard(child.index)
            case Failed():
                child.failure = message.message
            case Ready():
                child.ready = True
                self._greeting = message.greeting or self._greeting
                if child.index == 0:
                    for gateway in self._children[1:]:
                        self._introduce(gateway)
                if all(each.ready for each in self._children):
                    self._all_ready.set()
                self._cover()
                self._tell_restarts()
            case _:
                self._log.error("a process says what is not its to say", process=child.name)

    def _introduce(self, gateway: _Child) -> None:
        """Give the owner process and a gateway process the two ends of a pair."""
        one, other = pair()
        with one, other:
            for child, end, about in ((self._children[0], one, gateway.index), (gateway, other, 0)):
                if child.line is not None and not child.line.send(Peer(about), end.fileno()):
                    self._log.error("a process does not listen", process=child.name)

    def _tell_restarts(self) -> None:
        """The owner process shows the figures of all."""
        owner = self._children[0]
        if owner.ready and owner.line is not None:
            owner.line.send(Restarts(self._restarted, self._hung))

    def _cover(self) -> None:
        """Have those that are there answer for those that are not; gateway processes rather than the owner."""
        if not self._all_ready.is_set() or self._stopping.is_set():
            return
        away = [child.index for child in self._children if not child.ready]
        there = [child for child in self._children if child.ready]
        covering = [child for child in there if child.index] or there
        for child in there:
            share = tuple(away[covering.index(child) :: len(covering)]) if child in covering else ()
            if share != child.covering and child.line is not None:
                child.line.send(Cover(share))
                child.covering = share

    # --- the end -------------------------------------------------------------------------------------------------

    def _asked_to_stop(self) -> None:
        """The first time all drain; the second time nobody waits for downloads."""
        if self._stopping.is_set():
            self._tell_all(signal.SIGINT)
        self._stopping.set()

    async def _stop(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """End every process: close the door, let them drain, and kill who takes too long."""
        self._stopping.set()
        for listener in self._listeners:
            listener.close()
        self._tell_all(signal.SIGTERM)
        _, late = await asyncio.wait(keepers, timeout=self._config.drain_s + STOP_S)
        if late:
            self._log.error("processes did not stop in time and are killed", count=len(late))
            self._tell_all(signal.SIGKILL)
            await asyncio.wait(keepers)

    def _tell_all(self, number: signal.Signals) -> None:
        for child in self._children:
            if child.process is not None:
                child.process.send_signal(number)
