"""Runs the server: one process, or several beside each other."""
