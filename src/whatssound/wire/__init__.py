"""The wire: frames, events, commands, bodies and the error table, shared by server and clients."""
