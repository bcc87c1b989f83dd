"""WebSocket's kinds of frames, and the short ones that we send ourselves (RFC 6455 §5.5). Pure."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def control_frame(kind: int, payload: bytes) -> bytes:
    """A close, ping or pong from the server; of `payload` the 125 bytes that such a frame may carry."""
    return bytes((0x80 | kind, min(len(payload), 125))) + payload[:125]
