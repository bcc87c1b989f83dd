"""Relational rows: accounts, rooms and the library, by SQLAlchemy Core."""
