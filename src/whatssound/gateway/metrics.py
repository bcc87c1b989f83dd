"""What the gateway counts, for `/metrics`."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from whatssound.wire.commands import COMMANDS

_NAMES: Final = frozenset((*COMMANDS, "phx_join", "phx_leave", "broadcast", "presence"))


class Metrics:
    """The gateway's counters, in the registry that the process exposes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sockets = Gauge("whatssound_sockets", "Open sockets.", registry=registry)
        self.channels = Gauge("whatssound_channels", "Joined channels.", registry=registry)
        self.rooms = Gauge("whatssound_hub_rooms", "Rooms with listeners on this node.", registry=registry)
        self.waiting_bytes = Gauge(
            "whatssound_outbox_waiting_bytes", "Bytes that wait for slow readers, in all sockets.", registry=registry
        )
        self.working = Gauge(
            "whatssound_channels_working", "Channels with a join or command under way.", registry=registry
        )
        self.refused = Counter(
            "whatssound_upgrades_refused", "Upgrade requests answered with an error.", ["code"], registry=registry
        )
        self.malformed = Counter(
            "whatssound_frames_malformed", "Frames that were no frames, dropped.", registry=registry
        )
        self.floods = Counter(
            "whatssound_socket_floods", "Times a socket was not read for sending too much.", registry=registry
        )
        self.closed = Counter("whatssound_sockets_closed", "Sockets closed by us.", ["code"], registry=registry)
        self.commands = Counter(
            "whatssound_commands",
            "Joins and commands, by what they were answered.",
            ["command", "result"],
            registry=registry,
        )
        self.delivered = Counter("whatssound_events_delivered", "Events times sockets.", registry=registry)
        self.dropped = Counter(
            "whatssound_state_dropped", "Unlogged events dropped for sockets that lag.", registry=registry
        )
        self.shed = Counter(
            "whatssound_chat_shed", "Chat messages refused because flushes did not keep up.", registry=registry
        )
        self.undeliverable = Counter(
            "whatssound_broadcasts_undeliverable",
            "Broadcasts times sockets that may not hear them or do not understand binary ones.",
            registry=registry,
        )
        self.replayed = Counter(
            "whatssound_broadcasts_replayed", "Kept broadcasts times joins that had them replayed.", registry=registry
        )
        self.repairs = Counter("whatssound_hub_repairs", "Replays after a gap in a room's events.", registry=registry)
        self.resets = Counter("whatssound_hub_resets", "Rooms whose listeners had to join anew.", registry=registry)

    def answered(self, command: str, result: str) -> None:
        """A join or command was answered; names that clients made up are counted as one."""
        name = command if command in _NAMES else "unknown"
        self.commands.labels(name, result).inc()
