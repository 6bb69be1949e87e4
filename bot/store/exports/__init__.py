"""Exports in Postgres: orders, their progress, and the parts of their files."""
