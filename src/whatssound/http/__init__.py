"""The HTTP API, the audio edge and the page."""
