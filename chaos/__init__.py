"""Proof of the delivery guarantees: the real processes under kills, freezes and load."""
