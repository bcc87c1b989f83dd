"""Sockets in, rooms out: sessions, channels, the hub and its outboxes."""

from whatssound.gateway.gateway import Gateway, GatewayStatistics
from whatssound.gateway.services import LocalServices, Services

__all__ = ["Gateway", "GatewayStatistics", "LocalServices", "Services"]
