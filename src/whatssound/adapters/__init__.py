"""What the ports stand on: SQLite, files, codecs, memory."""
