"""Replays: turns that are asked again, and the blind votes on both answers."""
