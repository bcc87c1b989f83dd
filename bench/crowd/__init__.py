"""Crowds of sockets for the benches: clients in C, the limit in C, the peers, and what all of them cost."""
