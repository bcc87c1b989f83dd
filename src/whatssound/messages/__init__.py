"""Chat messages: what one is, where it is kept, and the service before the store."""
