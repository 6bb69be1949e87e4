"""Data sets in Postgres: their items, which go with their turns, and who wants to be in none."""
