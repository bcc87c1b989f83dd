"""Between nodes: the room log, the bus and the one server time. Ports; the adapters fulfil them."""
