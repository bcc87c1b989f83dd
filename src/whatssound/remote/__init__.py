"""Rooms and people of another process: asked over the bus by gateway processes, answered by the one that owns them."""
