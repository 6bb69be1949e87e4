"""Replays: turns asked again otherwise, compared side by side without knowing which is which."""
