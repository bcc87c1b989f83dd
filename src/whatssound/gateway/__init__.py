"""Sockets: from bytes to sessions, channels and the hub that fans events out."""
