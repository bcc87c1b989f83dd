"""Runs the one process."""

from whatssound.serving.listener import listening_socket
from whatssound.serving.run import serve_until_stopped

__all__ = ["listening_socket", "serve_until_stopped"]
