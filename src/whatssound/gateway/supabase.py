"""What channels of `realtime:*` tell their client beside replies: Supabase's `system` messages."""

from typing import Final, Literal

from whatssound.gateway.channel import Channel, ChannelState
from whatssound.wire import realtime as wire

NO_DATABASE: Final = "This server has no database to listen to: use broadcast and presence."


def tell_system(channel: Channel, status: Literal["ok", "error"], message: str, *, extension: str = "system") -> None:
    """Push a `system` message."""
    name = channel.topic.removeprefix(wire.PREFIX)
    channel.session.push(channel, "system", wire.system(name, status, message, extension))


def shut_down(channel: Channel, message: str) -> None:
    """Say why, and end the channel for good: clients do not join again by themselves."""
    if channel.state is ChannelState.JOINED:
        tell_system(channel, "error", message)
        channel.close()
