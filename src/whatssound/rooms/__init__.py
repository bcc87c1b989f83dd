"""Rooms: one DJ, one playback, one queue; pure rules and the service that runs them."""
