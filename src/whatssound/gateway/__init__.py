"""Sockets in, rooms out: sessions, channels, the hub and its outboxes."""

from whatssound.gateway.gateway import Gateway, GatewayStatistics

__all__ = ["Gateway", "GatewayStatistics"]
