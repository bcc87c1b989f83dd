"""What processes are called among all that share a bus. Pure."""


def node_name(process: str, server: str) -> str:
    """The name of a server's `process` ("owner", "gateway-1"), like that of no other process on the bus.

    `server` names one start of one server; a process that is started again within it is the same node.
    """
    return f"{process}@{server}"
