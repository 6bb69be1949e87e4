"""Unmasking on real Postgres."""
