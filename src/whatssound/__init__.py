"""Live DJ sessions: one plays, everyone hears the same second of it and talks."""

__version__ = "0.1.0"
