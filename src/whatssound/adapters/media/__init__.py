"""Codecs: the only place that knows them. They run in child processes (`python -m whatssound.adapters.media`)."""
